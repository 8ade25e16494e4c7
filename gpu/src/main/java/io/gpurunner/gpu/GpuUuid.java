package io.gpurunner.gpu;

/**
 * A device's UUID as NVML prints it ({@code GPU-…}); stable across reboots and driver updates,
 * unlike the ordinal.
 */
public record GpuUuid(String value) implements Comparable<GpuUuid> {
  /**
   * @throws IllegalArgumentException if blank
   */
  public GpuUuid {
    if (value.isBlank()) {
      throw new IllegalArgumentException("a GPU UUID must not be blank");
    }
  }

  @Override
  public int compareTo(GpuUuid other) {
    return value.compareTo(other.value);
  }

  @Override
  public String toString() {
    return value;
  }
}
