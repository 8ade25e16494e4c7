/**
 * The metrics of the agent, for Prometheus. This package reads what the other parts keep, and none
 * of them knows it. The types of Prometheus' client stay in it.
 */
@NullMarked
package io.gpurunner.agent.metrics;

import org.jspecify.annotations.NullMarked;
