package io.gpurunner.gpu;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * One device as last observed. Immutable.
 *
 * @param ordinal NVML's index now; may change at a reboot
 * @param name product name as the driver prints it, {@code NVIDIA GeForce RTX 3090}
 * @param memoryTotalBytes size of the device memory
 * @param memoryUsedBytes device memory in use by all processes, without the driver's own reserve;
 *     drivers before 510 include the reserve
 * @param computeProcesses processes with a compute context on the device
 * @param fault why the device must not be handed out (lost, MIG mode on, unreadable); empty for a
 *     healthy one
 * @param presence how much of the device the look could see
 * @param minor the number of its device node, 3 for {@code /dev/nvidia3}, which need not be the
 *     ordinal; empty if the driver does not tell
 */
public record GpuDevice(
    GpuUuid uuid,
    int ordinal,
    String name,
    long memoryTotalBytes,
    long memoryUsedBytes,
    List<GpuProcess> computeProcesses,
    Optional<String> fault,
    Presence presence,
    OptionalInt minor) {

  /** How much of a device a look could see. */
  public enum Presence {
    /** The device was read. Memory and processes are those of this look. */
    READABLE,
    /**
     * The device is present but could not be read. Memory and processes are the last ones known.
     */
    UNREADABLE,
    /**
     * The device fell off the bus, is no longer listed, or waits for a reset. Nothing can run on
     * it, and it does not answer until somebody resets it or boots the machine.
     */
    LOST
  }

  /**
   * @throws IllegalArgumentException if the device is not readable and gives no reason
   */
  public GpuDevice {
    computeProcesses = List.copyOf(computeProcesses);
    if (presence != Presence.READABLE && fault.isEmpty()) {
      throw new IllegalArgumentException(presence + " GPU " + uuid + " needs a fault");
    }
  }

  /** Describes a device that was read. */
  public GpuDevice(
      GpuUuid uuid,
      int ordinal,
      String name,
      long memoryTotalBytes,
      long memoryUsedBytes,
      List<GpuProcess> computeProcesses,
      Optional<String> fault) {
    this(
        uuid,
        ordinal,
        name,
        memoryTotalBytes,
        memoryUsedBytes,
        computeProcesses,
        fault,
        Presence.READABLE);
  }

  /** Describes a device whose number of the device node is not known. */
  public GpuDevice(
      GpuUuid uuid,
      int ordinal,
      String name,
      long memoryTotalBytes,
      long memoryUsedBytes,
      List<GpuProcess> computeProcesses,
      Optional<String> fault,
      Presence presence) {
    this(
        uuid,
        ordinal,
        name,
        memoryTotalBytes,
        memoryUsedBytes,
        computeProcesses,
        fault,
        presence,
        OptionalInt.empty());
  }

  /** Returns the same device with this number of its device node. */
  public GpuDevice withMinor(OptionalInt number) {
    return new GpuDevice(
        uuid,
        ordinal,
        name,
        memoryTotalBytes,
        memoryUsedBytes,
        computeProcesses,
        fault,
        presence,
        number);
  }

  /** Returns its type for scheduling. */
  public GpuType type() {
    return GpuType.ofProductName(name);
  }
}
