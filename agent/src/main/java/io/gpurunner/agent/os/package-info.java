/**
 * The host and its time: facts of the host, systemd's readiness protocol, the agent's clock, and
 * the pauses between retries.
 */
@NullMarked
package io.gpurunner.agent.os;

import org.jspecify.annotations.NullMarked;
