package io.gpurunner.agent.callback;

import io.gpurunner.agent.port.SideEffect;

/**
 * Port: makes one try at a callback. Blocks for a bounded time; called on virtual threads.
 * Thread-safe. Retries are the caller's work ({@link RetrySchedule}).
 */
@FunctionalInterface
public interface CallbackSender {
  /** Tries once. Never throws for anything the receiver or the network does. */
  @SideEffect
  CallbackResult send(CallbackDelivery delivery);
}
