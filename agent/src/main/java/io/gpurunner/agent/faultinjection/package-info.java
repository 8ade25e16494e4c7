/**
 * Fault injection: points at which a test ends the agent as by {@code kill -9}. Without a system
 * property there are none.
 */
@NullMarked
package io.gpurunner.agent.faultinjection;

import org.jspecify.annotations.NullMarked;
