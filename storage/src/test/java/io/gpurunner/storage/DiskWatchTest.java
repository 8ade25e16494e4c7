package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DiskWatchTest {
  @TempDir Path directory;

  @Test
  void theLastLookTellsWhatIsFree() {
    DiskWatch watch = new DiskWatch("images", "remove some", 1);
    assertThat(watch.freeBytes()).as("not looked yet").isEmpty();
    assertThat(watch.whyFull(directory)).isEmpty();
    assertThat(watch.freeBytes().orElseThrow()).isPositive();
    assertThat(watch.whyFull(directory.resolve("absent"))).as("it may not look").isEmpty();
    assertThat(watch.freeBytes()).isEmpty();
  }

  @Test
  void aDiskWithTooLittleRoomIsFullAndStillTellsWhatIsFree() {
    DiskWatch watch = new DiskWatch("images", "remove some", Long.MAX_VALUE);
    assertThat(watch.whyFull(directory).orElseThrow()).contains("is full", "remove some");
    assertThat(watch.freeBytes().orElseThrow()).isPositive();
  }
}
