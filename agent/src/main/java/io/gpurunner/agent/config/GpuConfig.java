package io.gpurunner.agent.config;

import io.gpurunner.gpu.GpuSettings;
import java.util.List;
import java.util.Optional;

/**
 * The source of GPUs.
 *
 * @param nvmlLibrary file name or path that is given to the dynamic loader
 * @param simulated product names, one for each simulated GPU; never empty with {@link
 *     GpuSettings.Provider#SIMULATED}
 * @param idleMemory the most memory, in MB of 10^6 bytes, that may be in use on a free GPU; empty
 *     for the limit that fits the driver
 * @param ignoreProcesses names of commands that may draw on a free GPU
 */
public record GpuConfig(
    GpuSettings.Provider provider,
    String nvmlLibrary,
    List<String> simulated,
    Optional<Long> idleMemory,
    List<String> ignoreProcesses) {
  private static final ValueForm<String> LIBRARY =
      ValueForms.text(
          "a library's file name or absolute path, at most 255 characters", "\\S.{0,254}");

  private static final ValueForm<String> PRODUCT =
      ValueForms.text(
          "a GPU's product name of 1 to 96 letters, digits, blanks and . _ ( ) / + -",
          "[A-Za-z0-9][A-Za-z0-9 ._()/+-]{0,95}");

  private static final ValueForm<String> COMMAND =
      ValueForms.text("the name of a command as ps shows it, of 1 to 15 characters", "[!-~]{1,15}");

  public GpuConfig {
    simulated = List.copyOf(simulated);
    ignoreProcesses = List.copyOf(ignoreProcesses);
  }

  static GpuConfig read(Section section) {
    GpuConfig config =
        new GpuConfig(
            section.value(
                "provider", GpuSettings.Provider.AUTO, ValueForms.word(GpuSettings.Provider.class)),
            section.value("nvml-library", GpuSettings.DEFAULT_NVML_LIBRARY, LIBRARY),
            section.list("simulated", PRODUCT),
            section.optional("idle-memory", ValueForms.MEGABYTES),
            section.list("ignore-processes", GpuSettings.DESKTOP, COMMAND));
    if (config.provider() == GpuSettings.Provider.SIMULATED && config.simulated().isEmpty()) {
      section.error(
          "simulated",
          "names no GPU, but gpu.provider is simulated; accepted: a list of "
              + PRODUCT.accepted()
              + ", one for each GPU");
    }
    if (config.simulated().size() > GpuSettings.MOST_SIMULATED) {
      section.error(
          "simulated",
          "names "
              + config.simulated().size()
              + " GPUs; accepted: at most "
              + GpuSettings.MOST_SIMULATED);
    }
    return config;
  }
}
