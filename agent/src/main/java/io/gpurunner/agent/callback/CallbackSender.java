package io.gpurunner.agent.callback;

import io.gpurunner.agent.port.SideEffect;

/**
 * Port: makes one try at a callback. Blocks for a bounded time; called on virtual threads.
 * Thread-safe. Retries are the caller's work ({@link RetrySchedule}).
 */
@FunctionalInterface
public interface CallbackSender {
  /** Tries once. Faults of the receiver or the network are results, not exceptions. */
  @SideEffect
  CallbackResult send(CallbackDelivery delivery);
}
