package io.gpurunner.gpu;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Chooses the devices that a job gets. Pure; thread-safe. */
public final class DeviceChoice {
  private DeviceChoice() {}

  /**
   * Chooses devices of one type, healthy ones first, and of these the lowest ordinals.
   *
   * @param free devices that are fit ({@link DeviceFitness#fitDevices}) and leased to nobody
   * @param count how many; with 0 the result is an empty list, for every type
   * @return the devices, or empty if there are too few
   * @throws IllegalArgumentException if {@code count} is negative
   */
  public static Optional<List<GpuDevice>> choose(List<GpuDevice> free, GpuType type, int count) {
    if (count < 0) {
      throw new IllegalArgumentException("a number of GPUs cannot be negative: " + count);
    }
    List<GpuDevice> chosen =
        free.stream()
            .filter(device -> device.type().matches(type))
            .sorted(
                Comparator.comparing((GpuDevice device) -> device.health().state())
                    .thenComparingInt(GpuDevice::ordinal)
                    .thenComparing(GpuDevice::uuid))
            .limit(count)
            .toList();
    return chosen.size() == count ? Optional.of(chosen) : Optional.empty();
  }
}
