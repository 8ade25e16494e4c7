@NullMarked
package io.gpurunner.agent.metrics;

import org.jspecify.annotations.NullMarked;
