package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** On real loop mounts; needs root. */
class LoopImagesIT extends JobVolumesContract {
  @Override
  Enforcement enforcement() {
    return Enforcement.IMAGE;
  }

  @Test
  void stopsAWriteFarPastTheLimit() throws Exception {
    JobPaths paths = prepare(JOB);

    assertThatThrownBy(() -> write(paths.model().resolve("f"), 100 * LIMIT))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("No space left");
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isPresent();
    assertThat(volumes.overrun(JOB, LIMIT, 1000 * LIMIT)).isEmpty();
  }

  @Test
  void bindsTheNumberOfFiles() throws Exception {
    JobPaths paths = prepare(JOB);

    assertThatThrownBy(() -> makeFiles(paths.model(), VolumeLimit.MIN_FILES * 5 / 4))
        .hasMessageContaining("No space left");
    try (Stream<Path> files = Files.list(paths.model())) {
      assertThat(files.count())
          .isBetween(VolumeLimit.MIN_FILES - 100, VolumeLimit.MIN_FILES * 5 / 4);
    }
  }

  @Test
  void mountsAgainAfterTheMachineWasStartedAnew() throws Exception {
    JobPaths paths = prepare(JOB);
    Files.writeString(paths.checkpoint().resolve("epoch"), "1");
    Command.require(Duration.ofSeconds(30), List.of("umount", paths.checkpoint().toString()));
    assertThat(paths.checkpoint().resolve("epoch")).doesNotExist();

    assertThat(prepare(JOB).checkpoint().resolve("epoch")).hasContent("1");
  }

  @Test
  void seedsFromAJobThatIsNotMounted() throws Exception {
    JobPaths paths = prepare(JOB);
    Files.writeString(paths.checkpoint().resolve("epoch"), "1");
    Command.require(Duration.ofSeconds(30), List.of("umount", paths.checkpoint().toString()));

    JobPaths other = prepare(OTHER);
    volumes.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER);

    assertThat(other.checkpoint().resolve("epoch")).hasContent("1");
  }

  @Test
  void revealsAfterTheMachineWasStartedAnew() throws Exception {
    JobPaths paths = prepare(JOB);
    Files.writeString(paths.checkpoint().resolve("epoch"), "1");
    Files.writeString(paths.model().resolve("weights"), "2");
    for (Path directory : List.of(paths.checkpoint(), paths.model())) {
      Command.require(Duration.ofSeconds(30), List.of("umount", directory.toString()));
      assertThat(directory).isEmptyDirectory();
    }
    volumes = reopen();

    assertThat(volumes.reveal(JOB)).isEqualTo(paths);
    volumes.reveal(JOB);

    assertThat(paths.checkpoint().resolve("epoch")).hasContent("1");
    assertThat(paths.model().resolve("weights")).hasContent("2");
    assertThat(Files.readAllLines(Path.of("/proc/self/mountinfo")))
        .filteredOn(line -> line.contains(paths.root().toString()))
        .hasSize(2);
  }

  /** A copy of the image has what was written to it, and not what the kernel holds back. */
  @Test
  void syncsIntoTheImage() throws Exception {
    JobPaths paths = prepare(JOB);
    Files.writeString(paths.model().resolve("weights"), "1");
    volumes = reopen();

    volumes.sync(JOB);

    Path copy = state.resolve("copy.img");
    Files.copy(paths.root().resolve("model.img"), copy);
    Path mounted = Files.createDirectory(state.resolve("copy"));
    Command.require(
        Duration.ofSeconds(30),
        List.of("mount", "-o", "loop,ro,noload", copy.toString(), mounted.toString()));
    try {
      assertThat(mounted.resolve("weights")).hasContent("1");
    } finally {
      Command.require(Duration.ofSeconds(30), List.of("umount", mounted.toString()));
    }
  }

  @Test
  void formatsAgainWhatACrashLeftHalfMade() throws Exception {
    Path root = Files.createDirectory(state.resolve("jobs/ai1"));
    Files.writeString(root.resolve("checkpoint.img.new"), "half");

    assertThat(prepare(JOB).checkpoint()).isEmptyDirectory();
  }

  @Test
  void mountsWithoutDevicesAndSetuid() throws Exception {
    JobPaths paths = prepare(JOB);

    assertThat(Files.readAllLines(Path.of("/proc/self/mountinfo")))
        .filteredOn(line -> line.contains(paths.model().toString()))
        .hasSize(1)
        .allMatch(line -> line.contains("nosuid,nodev"));
  }

  @Test
  void leavesNoMountAndNoLoopDevice() throws Exception {
    JobPaths paths = prepare(JOB);
    volumes.delete(JOB);

    assertThat(Files.readString(Path.of("/proc/self/mountinfo")))
        .doesNotContain(paths.root().toString());
    assertThat(HostileTree.run(state, List.of("losetup", "-a")))
        .doesNotContain(paths.root().toString());
  }

  @Test
  void saysThatCheckpointsDoNotFit() throws Exception {
    JobPaths paths = volumes.prepare(JOB, 500 * MB, MB);
    write(paths.checkpoint().resolve("f"), 400 * MB);
    prepare(OTHER);

    assertThatThrownBy(() -> volumes.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("do not fit its ckptVol");
  }
}
