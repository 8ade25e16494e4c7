package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class WatchingTest extends JobVolumesContract {
  @Override
  Enforcement enforcement() {
    return Enforcement.WATCH;
  }

  @Test
  void asksToBeAskedEveryFewSeconds() {
    assertThat(volumes.lookInterval()).isBetween(Duration.ofSeconds(1), Duration.ofSeconds(10));
  }

  @Test
  void seesTooManyFiles() throws Exception {
    Path model = prepare(JOB).model();
    makeFiles(model, VolumeLimit.MIN_FILES - 1); // the directory itself counts, too
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();

    makeFiles(Files.createDirectory(model.resolve("d")), 1);

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT))
        .contains(
            new JobVolumes.Overrun.Files(
                Volume.MODEL, VolumeLimit.MIN_FILES + 1, VolumeLimit.MIN_FILES));
    assertThat(volumes.overrun(JOB, LIMIT, 10_000_000_000L)).isEmpty();
  }

  private void assertIsOverItsSize() {
    assertThat(volumes.overrun(JOB, LIMIT, LIMIT))
        .get(type(JobVolumes.Overrun.Bytes.class))
        .satisfies(
            over -> {
              assertThat(over.volume()).isEqualTo(Volume.MODEL);
              assertThat(over.usedBytes()).isBetween(LIMIT, LIMIT + 24 * MB);
            });
  }

  /** The tree is deeper than any path can be long, and than a walk holds directories open. */
  @Test
  void seesWhatIsVeryDeep() throws Exception {
    Path model = prepare(JOB).model();
    HostileTree.shell(
        model,
        "i=0; while [ $i -lt 1500 ]; do mkdir dddddd; cd -P dddddd; i=$((i+1)); done;"
            + " head -c 5000000 /dev/zero > f; cd -P ..; mkdir e; head -c 5000000 /dev/zero > e/f");

    assertIsOverItsSize();
  }

  @Test
  void seesWhatLiesBehindStrangeNamesAndPermissions() throws Exception {
    Path model = prepare(JOB).model();
    HostileTree.shell(
        model,
        "n=$(printf 'bad\\377utf\\n"
            + "line'); mkdir \"$n\" -- -rf; head -c 5000000 /dev/zero > \"$n/f\"; head -c 5000000"
            + " /dev/zero > ./-rf/f; chmod 000 \"$n\" ./-rf; mkfifo pipe");

    assertIsOverItsSize();
  }

  @Test
  void countsAFileWithManyNamesOnceAndASparseOneByItsBlocks() throws Exception {
    Path model = prepare(JOB).model();
    HostileTree.shell(
        model,
        "head -c 3000000 /dev/zero > f; mkdir d; for i in 1 2 3 4 5; do ln f d/$i; done;"
            + " truncate -s 1T sparse");

    assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
  }

  @Test
  void followsNoLinkAndNoNameThatIsExchanged() throws Exception {
    Path big = Files.createDirectory(state.resolve("big"));
    write(big.resolve("f"), LIMIT + MB);
    Path model = prepare(JOB).model();
    AtomicBoolean done = new AtomicBoolean();
    Thread busy =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    while (!done.get()) {
                      Files.createSymbolicLink(model.resolve("d"), big);
                      Files.delete(model.resolve("d"));
                      Files.createDirectory(model.resolve("d"));
                      Files.delete(model.resolve("d"));
                    }
                  } catch (java.io.IOException raced) {
                    throw new java.io.UncheckedIOException(raced);
                  }
                });
    try {
      for (int look = 0; look < 200; look++) {
        assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
      }
    } finally {
      done.set(true);
      busy.join();
    }
  }

  @Test
  void saysWhenATreeIsTooLargeToBeMeasuredInTime() throws Exception {
    Path model = prepare(JOB).model();
    makeFiles(model, 2_000);

    assertThatThrownBy(() -> TreeMeasure.of(model, Long.MAX_VALUE, Duration.ZERO))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("too long");
  }

  @Test
  void bearsFilesThatVanishWhileItLooks() throws Exception {
    Path model = prepare(JOB).model();
    AtomicBoolean done = new AtomicBoolean();
    Thread busy =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (!done.get()) {
                    try {
                      Path directory = Files.createDirectories(model.resolve("d/e"));
                      Files.writeString(directory.resolve("f"), "x");
                      TreeRemoval.remove(model.resolve("d"));
                    } catch (java.io.IOException raced) {
                      throw new java.io.UncheckedIOException(raced);
                    }
                  }
                });
    try {
      for (int look = 0; look < 50; look++) {
        assertThat(volumes.overrun(JOB, LIMIT, LIMIT)).isEmpty();
      }
    } finally {
      done.set(true);
      busy.join();
    }
  }
}
