package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The option {@code --config F}, which every command has. */
final class ConfigOption {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The configuration file; /etc/gpurunner/gpurunner.yaml if not given.")
  private Optional<Path> file = Optional.empty();

  AgentConfig load() {
    return read().config();
  }

  ConfigFile.Effective read() {
    return ConfigFile.readOrDefaults(file);
  }

  /** Returns the file that {@link #read} reads. */
  Path file() {
    return file.orElse(ConfigFile.DEFAULT_PATH);
  }
}
