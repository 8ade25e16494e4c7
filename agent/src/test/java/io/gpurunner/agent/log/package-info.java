@NullMarked
package io.gpurunner.agent.log;

import org.jspecify.annotations.NullMarked;
