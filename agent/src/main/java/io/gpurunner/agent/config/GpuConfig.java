package io.gpurunner.agent.config;

import java.util.List;

/**
 * Where the GPUs come from.
 *
 * @param nvmlLibrary file name or path that is given to the dynamic loader
 * @param simulated product names, one for each simulated GPU; never empty with {@link
 *     Provider#SIMULATED}
 */
public record GpuConfig(Provider provider, String nvmlLibrary, List<String> simulated) {
  public GpuConfig {
    simulated = List.copyOf(simulated);
  }

  /** The sources of GPUs. */
  public enum Provider {
    /** NVML where its library loads and finds a device, else none. */
    AUTO,
    NVML,
    SIMULATED,
    NONE
  }
}
