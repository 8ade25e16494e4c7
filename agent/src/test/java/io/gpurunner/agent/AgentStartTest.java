package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import io.gpurunner.agent.state.StateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AgentStartTest {
  @TempDir private Path directory;

  @Test
  void aStateDirectoryThatCannotBeCreatedIsNamedWithItsReason() throws IOException {
    Path file = directory.resolve("gpurunner.yaml");
    Files.writeString(file, "state-dir: /dev/null\n");
    AgentConfig config = ConfigFile.load(file);

    assertThatThrownBy(() -> Agent.start(config))
        .isInstanceOf(StateException.class)
        .hasMessage(
            "state-dir /dev/null cannot be created: is there already and is not a directory");
  }
}
