package io.gpurunner.gpu;

/** The machine's GPUs: NVML, simulated, or none. Thread-safe. */
public interface GpuInventory extends AutoCloseable {
  /** The newest look. Never blocks. */
  GpuSnapshot snapshot();

  /** Asks for a new look soon; returns at once. */
  void requestLook();

  /**
   * A word for people and logs: {@code NVML 12.535.54, driver 535.54.03}, {@code 4 simulated GPUs},
   * {@code no GPUs}.
   */
  String description();

  /** Ends the looking. Idempotent. */
  @Override
  void close();
}
