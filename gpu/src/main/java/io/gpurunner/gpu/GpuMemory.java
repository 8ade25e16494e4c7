package io.gpurunner.gpu;

import java.util.OptionalLong;

/**
 * The memory of a device, in bytes.
 *
 * @param total its size; empty if it is not known
 * @param used in use by all processes. It leaves out the driver's own reserve where the driver
 *     tells it apart, since driver 510. Empty if it is not known
 * @param idleLimit the most that may be in use on a device that is free
 * @param shared whether it is the host's own memory, as on GB10 and Jetson. What is in use then
 *     says nothing about this device
 */
public record GpuMemory(OptionalLong total, OptionalLong used, long idleLimit, boolean shared) {
  /** Nothing is known of it. */
  static final GpuMemory UNKNOWN =
      new GpuMemory(OptionalLong.empty(), OptionalLong.empty(), Long.MAX_VALUE, false);

  /**
   * Describes the memory of a free device.
   *
   * @param total its size in bytes
   */
  public static GpuMemory ofSize(long total) {
    return new GpuMemory(
        OptionalLong.of(total), OptionalLong.of(0), IdleUse.RESERVE_INCLUDED_BYTES, false);
  }

  /** Returns the same memory with this much in use. */
  public GpuMemory withUsed(long bytes) {
    return new GpuMemory(total, OptionalLong.of(bytes), idleLimit, shared);
  }

  /** Returns whether more is in use than on a free device. */
  boolean isOccupied() {
    return used.isPresent() && used.getAsLong() > idleLimit;
  }
}
