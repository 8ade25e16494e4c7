package io.gpurunner.agent.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The servers that the agent trusts when it calls them by TLS.
 *
 * @param caFile a PEM file with certificates of authorities that count beside the system's own
 */
public record TrustConfig(Optional<Path> caFile) {
  static TrustConfig read(Section section) {
    return new TrustConfig(section.existingFile("ca-file"));
  }
}
