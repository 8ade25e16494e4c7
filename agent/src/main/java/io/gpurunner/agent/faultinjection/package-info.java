/**
 * Fault points: places at which a test has the agent end as by {@code kill -9}. Absent unless a
 * system property asks for them.
 */
@NullMarked
package io.gpurunner.agent.faultinjection;

import org.jspecify.annotations.NullMarked;
