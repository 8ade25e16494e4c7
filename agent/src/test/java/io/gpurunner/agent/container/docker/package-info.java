@NullMarked
package io.gpurunner.agent.container.docker;

import org.jspecify.annotations.NullMarked;
