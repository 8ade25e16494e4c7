package io.gpurunner.agent.config;

import java.nio.file.Path;

/**
 * The signing of tokens.
 *
 * @param secretFile the file of the HS512 secret; the first start creates it if it is absent
 */
public record AuthConfig(Path secretFile) {
  static AuthConfig read(Section section, Path stateDir) {
    return new AuthConfig(
        section.value(
            "secret-file",
            AgentConfig.secretsDirectory(stateDir).resolve("jwt.key"),
            ValueForms.ABSOLUTE_PATH));
  }
}
