package io.gpurunner.api;

/**
 * Port: the agent's metrics. A call takes milliseconds and waits for nothing: not for the ledger,
 * the disk, the container engine or the GPUs. Thread-safe.
 */
@FunctionalInterface
public interface Metrics {
  /**
   * Returns all metrics as they are now.
   *
   * @param accept the header {@code Accept} of the request; empty if it has none
   */
  Page scrape(String accept);

  /** The metrics in a format that Prometheus reads. */
  record Page(String contentType, String text) {}
}
