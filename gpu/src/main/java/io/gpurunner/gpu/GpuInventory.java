package io.gpurunner.gpu;

/** The machine's GPUs: NVML, simulated, or none. Thread-safe. */
public interface GpuInventory extends AutoCloseable {
  /** Returns the newest look. Never blocks. */
  GpuSnapshot snapshot();

  /** Requests a new look soon. Returns at once. */
  void requestLook();

  /**
   * Returns a description for messages: {@code NVML 12.535.54, driver 535.54.03}, {@code 4
   * simulated GPUs}, {@code no GPUs}.
   */
  String description();

  /** Returns whether the devices are only simulated, so that no container can get one. */
  default boolean isSimulated() {
    return false;
  }

  /** Ends the looks. Idempotent. */
  @Override
  void close();
}
