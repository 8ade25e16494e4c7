package io.gpurunner.agent.config;

import java.nio.file.Path;

/** The read-only libraries: each directory inside is one dataset, or one model. */
public record LibraryConfig(Path datasets, Path models) {
  static LibraryConfig read(Section section) {
    return new LibraryConfig(
        section.value("datasets", Path.of("/srv/gpurunner/datasets"), ValueForms.ABSOLUTE_PATH),
        section.value("models", Path.of("/srv/gpurunner/models"), ValueForms.ABSOLUTE_PATH));
  }
}
