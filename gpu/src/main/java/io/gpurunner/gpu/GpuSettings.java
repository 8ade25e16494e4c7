package io.gpurunner.gpu;

import java.util.List;

/**
 * The {@code gpu} section of the configuration.
 *
 * @param provider where GPUs come from
 * @param nvmlLibrary NVML's file name for the dynamic linker to find, or its absolute path
 * @param simulated product names of simulated devices, by ordinal
 */
public record GpuSettings(Provider provider, String nvmlLibrary, List<String> simulated) {
  /** What the driver's package calls NVML. */
  public static final String DEFAULT_NVML_LIBRARY = "libnvidia-ml.so.1";

  /** More simulated devices than this are refused. */
  public static final int MOST_SIMULATED = 256;

  /** Where GPUs come from. */
  public enum Provider {
    /**
     * NVML where it loads and finds a device, else the simulated ones, else none; NVML, waited for,
     * where jobs hold devices that the others do not have.
     */
    AUTO,
    /** NVML, waited for where it does not work yet. */
    NVML,
    /** The simulated ones. */
    SIMULATED,
    /** None. */
    NONE
  }

  /**
   * @throws IllegalArgumentException naming the key, what was wrong and what is accepted
   */
  public GpuSettings {
    simulated = List.copyOf(simulated);
    if (nvmlLibrary.isBlank()) {
      throw new IllegalArgumentException(
          "gpu.nvml-library: must be a library's file name or absolute path such as "
              + DEFAULT_NVML_LIBRARY
              + ", was blank");
    }
    for (int index = 0; index < simulated.size(); index++) {
      if (simulated.get(index).isBlank()) {
        throw new IllegalArgumentException(
            "gpu.simulated[%d]: must be a product name such as \"NVIDIA GeForce RTX 3090\", was blank"
                .formatted(index));
      }
    }
    if (simulated.size() > MOST_SIMULATED) {
      throw new IllegalArgumentException(
          "gpu.simulated: must list at most %d devices, lists %d"
              .formatted(MOST_SIMULATED, simulated.size()));
    }
    if (provider == Provider.SIMULATED && simulated.isEmpty()) {
      throw new IllegalArgumentException(
          "gpu.simulated: must list at least one product name with gpu.provider simulated, such as"
              + " [\"NVIDIA GeForce RTX 3090\"]");
    }
  }

  /** What an empty configuration means. */
  public static GpuSettings defaults() {
    return new GpuSettings(Provider.AUTO, DEFAULT_NVML_LIBRARY, List.of());
  }
}
