package io.gpurunner.agent.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class InstanceIdTest {
  @TempDir Path directory;

  @Test
  void aStateDirectoryHasOneIdByWhateverPathItIsReached() throws Exception {
    Path state = Files.createDirectory(directory.resolve("state"));
    String id = InstanceId.loadOrCreate(state);
    Path link = Files.createSymbolicLink(directory.resolve("link"), state);
    assertThat(InstanceId.loadOrCreate(link)).isEqualTo(id);
    assertThat(Files.getPosixFilePermissions(state.resolve(InstanceId.FILE)))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    assertThat(state)
        .isDirectoryNotContaining(file -> file.getFileName().toString().startsWith("."));
  }

  @Test
  void anotherStateDirectoryHasAnotherId() throws Exception {
    assertThat(InstanceId.loadOrCreate(Files.createDirectory(directory.resolve("a"))))
        .isNotEqualTo(InstanceId.loadOrCreate(Files.createDirectory(directory.resolve("b"))));
  }

  @Test
  void aFileThatHoldsNoIdEndsTheStartAndIsNamed() throws Exception {
    Path file = Files.writeString(directory.resolve(InstanceId.FILE), "\n");
    assertThatThrownBy(() -> InstanceId.loadOrCreate(directory))
        .isInstanceOf(StateException.class)
        .hasMessageContaining(file.toString());
    assertThat(file).hasContent("\n");
  }
}
