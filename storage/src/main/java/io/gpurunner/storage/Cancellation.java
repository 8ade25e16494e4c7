package io.gpurunner.storage;

/**
 * How a caller ends a long call early without interrupting its thread: the call asks between pieces
 * of work.
 */
@FunctionalInterface
public interface Cancellation {
  /** Never cancelled. */
  Cancellation NEVER = () -> false;

  /** Whether the call should stop now. */
  boolean isCancelled();
}
