@NullMarked
package io.gpurunner.agent.job;

import org.jspecify.annotations.NullMarked;
