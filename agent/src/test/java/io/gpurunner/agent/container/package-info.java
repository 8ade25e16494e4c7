@NullMarked
package io.gpurunner.agent.container;

import org.jspecify.annotations.NullMarked;
