package io.gpurunner.agent.log;

import io.gpurunner.agent.container.OutputReading;
import org.jspecify.annotations.Nullable;

/**
 * The reading of the engine that a thread uses now. Other threads close it, or forbid all later
 * ones, so that the thread ends wherever it waits. Thread-safe.
 */
final class OpenReading {
  private @Nullable OutputReading current;
  private boolean over;

  /** Takes the place of the last reading. It is closed at once if no more readings are allowed. */
  synchronized void set(OutputReading reading) {
    current = reading;
    if (over) {
      reading.close();
    }
  }

  /** Closes the reading that is open, if there is one. */
  synchronized void close() {
    if (current != null) {
      current.close();
    }
  }

  /** Closes the reading that is open, and each later one. */
  synchronized void closeForGood() {
    over = true;
    close();
  }

  /** Returns whether no more readings are allowed. */
  synchronized boolean isOver() {
    return over;
  }
}
