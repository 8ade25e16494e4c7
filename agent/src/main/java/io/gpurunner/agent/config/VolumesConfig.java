package io.gpurunner.agent.config;

import io.gpurunner.storage.VolumeSettings.Enforcement;

/** The way in which the size limit of a volume is enforced. */
public record VolumesConfig(Enforcement enforcement) {
  static VolumesConfig read(Section section) {
    return new VolumesConfig(
        section.value("enforcement", Enforcement.AUTO, ValueForms.word(Enforcement.class)));
  }
}
