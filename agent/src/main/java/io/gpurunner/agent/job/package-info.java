/** A job, its states and its events: values and pure functions. */
@NullMarked
package io.gpurunner.agent.job;

import org.jspecify.annotations.NullMarked;
