package io.gpurunner.api;

import java.util.List;

/**
 * Port: the agent's readiness to take jobs. Never blocks; called on the event loop. Thread-safe.
 */
public interface Health {
  /** Returns the newest observation of every part that the agent needs. */
  Report report();

  /**
   * The readiness of all parts.
   *
   * @param parts one entry for each part, in a stable order
   * @param warnings what the administrator should mend; the agent is ready in spite of it
   */
  record Report(List<Part> parts, List<String> warnings) {
    /** Creates a report without warnings. */
    public Report(List<Part> parts) {
      this(parts, List.of());
    }

    /** Returns whether every part is ready. */
    public boolean ready() {
      return parts.stream().allMatch(Part::ok);
    }
  }

  /**
   * The readiness of one part.
   *
   * @param name {@code docker}, {@code store}, {@code gpus}, {@code ledger}
   * @param message what was seen; for a part that is not ok also what to do
   */
  record Part(String name, boolean ok, String message) {}
}
