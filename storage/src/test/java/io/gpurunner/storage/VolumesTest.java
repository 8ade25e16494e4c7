package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumesTest {
  @TempDir Path state;

  /** The file system of a test machine has no project quota, or has it: both are checked. */
  @Test
  void saysWhatProjectQuotaLacks() {
    Optional<String> obstacle = ProjectQuota.obstacle(state);
    VolumeSettings settings = new VolumeSettings(state, Enforcement.PROJECT_QUOTA);
    if (obstacle.isEmpty()) {
      Volumes.open(settings).close();
      return;
    }
    assertThatThrownBy(() -> Volumes.open(settings))
        .hasMessageContainingAll("volumes.enforcement", "project-quota", obstacle.get())
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void watchesWhereThereIsNoProjectQuota() {
    try (JobVolumes volumes = Volumes.open(new VolumeSettings(state, Enforcement.AUTO))) {
      assertThat(volumes.lookInterval()).isPositive();
      assertThat(volumes.freeBytes()).isLessThanOrEqualTo(volumes.totalBytes());
    }
  }

  @Test
  void namesTheDirectoryItCannotMake() throws Exception {
    Files.writeString(state.resolve("jobs"), "a file");

    assertThatThrownBy(() -> Volumes.open(new VolumeSettings(state, Enforcement.WATCH)))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(state.resolve("jobs").toString());
  }

  @Test
  void boundsItsPrograms() {
    assertThatThrownBy(() -> Command.run(Duration.ofMillis(200), List.of("sleep", "60")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("sleep 60 did not end");
    assertThatThrownBy(() -> Command.run(Duration.ofSeconds(5), List.of("no-such-program")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("no-such-program");
    assertThatThrownBy(() -> Command.require(Duration.ofSeconds(5), List.of("ls", "/no/such")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("No such file");
  }
}
