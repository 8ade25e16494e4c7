/**
 * The simulation: queue, runner, ledger, outbox and recovery in one thread, with a machine, a
 * store, a receiver and users in memory. A seed decides the order of turns. The same seed gives the
 * same story, byte by byte.
 */
@NullMarked
package io.gpurunner.agent.simulation;

import org.jspecify.annotations.NullMarked;
