package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Volumes in images on real loop mounts. Needs root. */
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
  void stopsAFileThatGrowsAfterItWasDeleted() {
    JobPaths paths = prepare(JOB);

    assertThatThrownBy(
            () ->
                HostileTree.shell(paths.model(), "exec 9>f; rm f; head -c 400000000 /dev/zero >&9"))
        .hasMessageContaining("No space left");
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
  void unmountsWhatNoJobNeedsAndShowsItAgain() throws Exception {
    JobPaths ended = prepare(JOB);
    JobPaths running = prepare(OTHER);
    Files.writeString(ended.checkpoint().resolve("epoch"), "1");
    Files.writeString(running.checkpoint().resolve("epoch"), "2");

    volumes.rest(OTHER::equals);

    assertThat(ended.checkpoint()).isEmptyDirectory();
    assertThat(running.checkpoint().resolve("epoch")).hasContent("2");
    volumes.reveal(JOB);
    assertThat(ended.checkpoint().resolve("epoch")).hasContent("1");
  }

  @Test
  void leavesWhatIsInUseMounted() throws Exception {
    JobPaths paths = prepare(JOB);
    Files.writeString(paths.model().resolve("weights"), "1");
    try (InputStream reading = Files.newInputStream(paths.model().resolve("weights"))) {
      volumes.rest(_ -> false);

      assertThat(reading.read()).isEqualTo('1');
      assertThat(paths.model().resolve("weights")).hasContent("1");
    }
  }

  @Test
  void autoTakesImagesAndLeavesNothingOfItsTrial() throws Exception {
    try (JobVolumes automatic = Volumes.open(new VolumeSettings(state, Enforcement.AUTO))) {
      assertThat(automatic.whyWatched()).isEmpty();
      assertThat(state.resolve("jobs")).isEmptyDirectory();
      Path model = automatic.prepare(JOB, LIMIT, LIMIT).model();

      assertThatThrownBy(() -> write(model.resolve("f"), 100 * LIMIT))
          .hasMessageContaining("No space left");
    }
  }

  @Test
  void goesOnWatchingAJobThatWasPreparedBefore() throws Exception {
    try (JobVolumes watching = Volumes.open(new VolumeSettings(state, Enforcement.WATCH))) {
      Path checkpoint = watching.prepare(JOB, LIMIT, LIMIT).checkpoint();
      write(checkpoint.resolve("epoch"), LIMIT + MB);
    }

    assertThat(prepare(JOB).checkpoint().resolve("epoch")).exists();
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT))
        .get(type(JobVolumes.Overrun.Bytes.class))
        .extracting(JobVolumes.Overrun.Bytes::volume)
        .isEqualTo(Volume.CHECKPOINT);
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

  /** Opens the same jobs under the other settings of {@code volumes.enforcement}. */
  private List<JobVolumes> otherWays() {
    Path jobs = state.resolve("jobs");
    return List.of(
        new DirectoryJobVolumes(jobs, 0, new Watching()),
        new DirectoryJobVolumes(jobs, 0, new ProjectQuota(jobs)));
  }

  private static void assertRefuses(Path image, ThrowingCallable call) {
    assertThatThrownBy(call)
        .hasMessageContainingAll(image.toString(), "volumes.enforcement to image")
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void noOtherWayTakesAnEmptyMountPointForWhatAJobLeft() throws Exception {
    JobPaths paths = prepare(JOB);
    prepare(OTHER);
    Files.writeString(paths.checkpoint().resolve("epoch"), "1");
    Files.writeString(paths.model().resolve("weights"), "2");
    for (JobVolumes other : otherWays()) {
      assertThat(other.reveal(JOB).model().resolve("weights")).as("still mounted").hasContent("2");
    }

    Path checkpoints = paths.root().resolve("checkpoint.img");
    Path model = paths.root().resolve("model.img");
    Command.require(Duration.ofSeconds(30), List.of("umount", paths.model().toString()));
    for (JobVolumes other : otherWays()) {
      assertRefuses(model, () -> other.reveal(JOB));
      assertRefuses(model, () -> other.sync(JOB));
    }
    Command.require(Duration.ofSeconds(30), List.of("umount", paths.checkpoint().toString()));
    for (JobVolumes other : otherWays()) {
      assertRefuses(checkpoints, () -> other.seedCheckpoint(OTHER, LIMIT, JOB, Cancellation.NEVER));
      assertRefuses(checkpoints, () -> other.prepare(JOB, LIMIT, LIMIT));
      assertThat(paths.checkpoint()).isEmptyDirectory();
    }

    assertThat(volumes.reveal(JOB).model().resolve("weights")).hasContent("2");
    assertThat(paths.checkpoint().resolve("epoch")).hasContent("1");
  }

  @Test
  void refusesAnImageThatCannotBeMounted() throws Exception {
    JobPaths paths = prepare(JOB);
    Path model = paths.root().resolve("model.img");
    Command.require(Duration.ofSeconds(30), List.of("umount", paths.model().toString()));
    Files.writeString(model, "damaged");

    assertThatThrownBy(() -> volumes.reveal(JOB))
        .hasMessageContaining(model.toString())
        .asInstanceOf(type(StorageException.class))
        .extracting(StorageException::kind)
        .isEqualTo(Kind.REFUSED);
  }

  @Test
  void theOtherWaysRemoveWhatIsMounted() throws Exception {
    for (JobVolumes other : otherWays()) {
      JobPaths paths = prepare(JOB);
      Files.createDirectories(paths.model().resolve("a/b"));

      other.delete(JOB);

      assertThat(paths.root()).doesNotExist();
      assertThat(HostileTree.run(state, List.of("losetup", "-a")))
          .doesNotContain(paths.root().toString());
    }
  }

  /** A copy of the image holds only what was written to it, not what the kernel keeps in memory. */
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

  /** Each image is a file system of its own, so a failed write to one does not affect others. */
  @Test
  void anImageThatCannotBeSyncedIsOfItsOwnJobOnly() {
    prepare(JOB);
    prepare(OTHER);
    Path jobs = state.resolve("jobs");
    JobVolumes failing =
        new DirectoryJobVolumes(
            jobs,
            0,
            new LoopImages(new MachineMounts()),
            words ->
                words.getLast().contains(JOB.name())
                    ? new Command.Result(1, "sync: Input/output error")
                    : new Command.Result(0, ""));
    for (int time = 1; time <= 2; time++) {
      assertThatThrownBy(() -> failing.sync(JOB))
          .asInstanceOf(type(StorageException.class))
          .extracting(StorageException::kind)
          .isEqualTo(Kind.UNFIT);
    }
    failing.sync(OTHER);
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
