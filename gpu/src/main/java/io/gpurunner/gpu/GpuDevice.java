package io.gpurunner.gpu;

import java.util.List;
import java.util.Optional;

/**
 * One device as last observed.
 *
 * @param ordinal NVML's index now; may change at a reboot
 * @param name product name as the driver prints it, {@code NVIDIA GeForce RTX 3090}
 * @param memoryTotalBytes size of the device memory
 * @param memoryUsedBytes device memory in use, by anybody, less what the driver itself reserves
 * @param computeProcesses host process ids with a compute context on the device
 * @param fault why the device must not be handed out (lost, MIG mode on, unreadable); empty for a
 *     healthy one
 */
public record GpuDevice(
    GpuUuid uuid,
    int ordinal,
    String name,
    long memoryTotalBytes,
    long memoryUsedBytes,
    List<GpuProcess> computeProcesses,
    Optional<String> fault) {

  /** Its type for scheduling. */
  public GpuType type() {
    return GpuType.ofProductName(name);
  }
}
