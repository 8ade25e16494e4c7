package io.gpurunner.gpu;

import java.time.Duration;
import java.util.Optional;

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

  /** Returns how long the newest look took. */
  default Duration lookTook() {
    return Duration.ZERO;
  }

  /**
   * Asks for the driver to be let go of, so that an administrator can reset a device or change its
   * mode. Returns at once; {@link #isReleased} tells when it is done.
   *
   * @param device the device; empty for the whole driver
   */
  default void releaseDriver(Optional<GpuUuid> device) {}

  /**
   * Ends all that {@link #releaseDriver} asked for. A device that was named and let go of counts as
   * reset. Returns at once.
   */
  default void takeDriver() {}

  /** Takes back a request to {@link #releaseDriver}. Returns at once. */
  default void keepDriver(Optional<GpuUuid> device) {}

  /**
   * Returns whether this process holds nothing of a device, or of the whole driver, because that
   * was asked for.
   */
  default boolean isReleased(Optional<GpuUuid> device) {
    return true;
  }

  /**
   * Waits until {@link #isReleased}.
   *
   * @return whether it is, within the limit
   */
  default boolean awaitRelease(Optional<GpuUuid> device, Duration limit) {
    return isReleased(device);
  }

  /** Ends the looks. Idempotent. */
  @Override
  void close();
}
