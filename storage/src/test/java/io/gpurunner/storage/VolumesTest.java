package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumesTest {
  private static final int MB = 1 << 20;

  @TempDir Path state;

  /** Creates a directory on tmpfs, which every Linux has, and which has no project quota. */
  private static Path inMemory() throws IOException {
    return Files.createTempDirectory(Path.of("/dev/shm"), "gpurunner-volumes");
  }

  private static void remove(Path directory) throws IOException {
    Files.deleteIfExists(directory.resolve("jobs"));
    Files.delete(directory);
  }

  @Test
  void saysWhatProjectQuotaLacks() throws Exception {
    Path memory = inMemory();
    try {
      assertThatThrownBy(() -> Volumes.open(new VolumeSettings(memory, Enforcement.PROJECT_QUOTA)))
          .hasMessageContainingAll(
              "volumes.enforcement", "project-quota", "or set auto, image or watch")
          .hasMessageFindingMatch(
              memory + "/jobs is on tmpfs, and only ext4 and XFS|setquota is not installed")
          .asInstanceOf(type(StorageException.class))
          .extracting(StorageException::kind)
          .isEqualTo(Kind.REFUSED);
    } finally {
      remove(memory);
    }
  }

  /** Only watching lets a volume be filled beyond its limit, and then sees it. */
  @Test
  void watchesWhereTheAdministratorSaysSo() throws Exception {
    Path memory = inMemory();
    JobFolder folder = new JobFolder("ai1");
    try (JobVolumes volumes = Volumes.open(new VolumeSettings(memory, Enforcement.WATCH, 0))) {
      assertThat(volumes.whyWatched()).contains("volumes.enforcement says so");
      JobPaths paths = volumes.prepare(folder, MB, MB);
      assertThat(volumes.overrun(folder, MB, MB)).isEmpty();
      Files.write(paths.model().resolve("model"), new byte[2 * MB]);

      assertThat(volumes.overrun(folder, MB, MB))
          .get(type(JobVolumes.Overrun.Bytes.class))
          .satisfies(
              overrun -> {
                assertThat(overrun.volume()).isEqualTo(Volume.MODEL);
                assertThat(overrun.limitBytes()).isEqualTo(MB);
                assertThat(overrun.usedBytes()).isBetween(2L * MB, 3L * MB);
              });
      FileStore store = Files.getFileStore(memory);
      assertThat(volumes.totalBytes()).isEqualTo(store.getTotalSpace());
      assertThat(volumes.freeBytes())
          .isCloseTo(
              store.getUsableSpace(), Offset.offset(64L * MB)); // other processes write there, too
      volumes.delete(folder);
    } finally {
      remove(memory);
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
