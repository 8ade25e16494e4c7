package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

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
                Volume.MODEL, VolumeLimit.MIN_FILES + 2, VolumeLimit.MIN_FILES));
    assertThat(volumes.overrun(JOB, LIMIT, 10_000_000_000L)).isEmpty();
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
