package io.gpurunner.agent.config;

import io.gpurunner.gpu.GpuSettings;
import java.util.List;

/**
 * The source of GPUs.
 *
 * @param nvmlLibrary file name or path that is given to the dynamic loader
 * @param simulated product names, one for each simulated GPU; never empty with {@link
 *     GpuSettings.Provider#SIMULATED}
 */
public record GpuConfig(GpuSettings.Provider provider, String nvmlLibrary, List<String> simulated) {
  private static final ValueForm<String> LIBRARY =
      ValueForms.text(
          "a library's file name or absolute path, at most 255 characters", "\\S.{0,254}");

  private static final ValueForm<String> PRODUCT =
      ValueForms.text(
          "a GPU's product name of 1 to 96 letters, digits, blanks and . _ ( ) / + -",
          "[A-Za-z0-9][A-Za-z0-9 ._()/+-]{0,95}");

  public GpuConfig {
    simulated = List.copyOf(simulated);
  }

  static GpuConfig read(Section section) {
    GpuConfig config =
        new GpuConfig(
            section.value(
                "provider", GpuSettings.Provider.AUTO, ValueForms.word(GpuSettings.Provider.class)),
            section.value("nvml-library", GpuSettings.DEFAULT_NVML_LIBRARY, LIBRARY),
            section.list("simulated", PRODUCT));
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
