/**
 * How jobs advance: queue, steps, callbacks, readiness, retention, and the threads that run them.
 */
@NullMarked
package io.gpurunner.agent.run;

import org.jspecify.annotations.NullMarked;
