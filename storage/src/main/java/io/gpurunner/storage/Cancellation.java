package io.gpurunner.storage;

/**
 * Lets a caller end a long call early without interrupting its thread. The call asks between pieces
 * of work.
 */
@FunctionalInterface
public interface Cancellation {
  /** A cancellation that never comes. */
  Cancellation NEVER = () -> false;

  /** Returns whether the call should stop now. */
  boolean isCancelled();
}
