/**
 * The whole of queue, runner, ledger, outbox and recovery in one thread, with a machine, a store, a
 * receiver and users that exist in memory, under a scheduler that a seed decides. The same seed is
 * the same story, byte by byte.
 */
@NullMarked
package io.gpurunner.agent.simulation;

import org.jspecify.annotations.NullMarked;
