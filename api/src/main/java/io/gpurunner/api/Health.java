package io.gpurunner.api;

import java.util.List;

/**
 * Port: whether the agent can take jobs now. Never blocks; called on the event loop. Thread-safe.
 */
public interface Health {
  /** Returns the newest observation of every part that the agent needs. */
  Report report();

  /**
   * @param parts one entry a part, in a stable order
   */
  record Report(List<Part> parts) {
    /** Ready only if every part is. */
    public boolean ready() {
      return parts.stream().allMatch(Part::ok);
    }
  }

  /**
   * @param name {@code docker}, {@code store}, {@code gpus}, {@code ledger}
   * @param message what was seen, naming the part and the way out where it is not ok
   */
  record Part(String name, boolean ok, String message) {}
}
