package io.gpurunner.agent.callback;

/**
 * Outbound port: one try at one callback. Blocks, bounded in time; called on virtual threads.
 * Thread-safe. Trying again is the caller's business ({@link RetrySchedule}).
 */
@FunctionalInterface
public interface CallbackSender {
  /** Tries once. Never throws for anything the receiver or the network does. */
  CallbackResult send(CallbackDelivery delivery);
}
