package io.gpurunner.gpu;

import java.util.List;
import java.util.OptionalLong;

/**
 * The {@code gpu} section of the configuration.
 *
 * @param provider where GPUs come from
 * @param nvmlLibrary NVML's file name for the dynamic linker to find, or its absolute path
 * @param simulated product names of simulated devices, by ordinal
 * @param idleMemoryBytes the most memory that may be in use on a device that is free; empty for the
 *     limit that fits the driver
 * @param ignoredProcesses names of commands that may draw on a device that is free
 */
public record GpuSettings(
    Provider provider,
    String nvmlLibrary,
    List<String> simulated,
    OptionalLong idleMemoryBytes,
    List<String> ignoredProcesses) {
  /** The name of NVML in the driver's package. */
  public static final String DEFAULT_NVML_LIBRARY = "libnvidia-ml.so.1";

  /** The processes of the usual desktops. The kernel cuts names after 15 characters. */
  public static final List<String> DESKTOP =
      List.of(
          "Xorg",
          "Xwayland",
          "gnome-shell",
          "kwin_wayland",
          "kwin_x11",
          "plasmashell",
          "xfwm4",
          "cinnamon",
          "sway",
          "weston");

  /** The largest number of simulated devices. */
  public static final int MOST_SIMULATED = 256;

  /** The sources of GPUs. */
  public enum Provider {
    /**
     * NVML if an NVIDIA display device is on the PCI bus, or NVML loads and finds a device;
     * otherwise the simulated devices, otherwise none. If jobs hold devices that only NVML can
     * show, the agent waits for NVML.
     */
    AUTO,
    /** NVML. If it does not work yet, the agent waits for it. */
    NVML,
    /** The simulated devices. */
    SIMULATED,
    /** No GPUs. */
    NONE
  }

  /**
   * @throws IllegalArgumentException naming the key, what was wrong and what is accepted
   */
  public GpuSettings {
    simulated = List.copyOf(simulated);
    ignoredProcesses = List.copyOf(ignoredProcesses);
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

  /** Returns the settings of an empty configuration. */
  public static GpuSettings defaults() {
    return of(Provider.AUTO, DEFAULT_NVML_LIBRARY, List.of());
  }

  /** Returns settings with the usual limits of idle use. */
  public static GpuSettings of(Provider provider, String nvmlLibrary, List<String> simulated) {
    return new GpuSettings(provider, nvmlLibrary, simulated, OptionalLong.empty(), DESKTOP);
  }
}
