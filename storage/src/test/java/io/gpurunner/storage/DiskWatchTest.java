package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
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
  void whileADiskIsLookedAtTheFigureOfTheLookBeforeIsThere() {
    AtomicReference<Optional<DiskWatch>> looking = new AtomicReference<>(Optional.empty());
    List<OptionalLong> seen = new ArrayList<>();
    DiskWatch watch =
        new DiskWatch(
            "images",
            "remove some",
            1,
            _ -> {
              looking.get().ifPresent(watched -> seen.add(watched.freeBytes()));
              return 7;
            });
    looking.set(Optional.of(watch));
    assertThat(watch.whyFull(directory)).isEmpty();
    assertThat(watch.whyFull(directory)).isEmpty();
    assertThat(seen).containsExactly(OptionalLong.empty(), OptionalLong.of(7));
  }

  @Test
  void aDiskWithTooLittleRoomIsFullAndStillTellsWhatIsFree() {
    DiskWatch watch = new DiskWatch("images", "remove some", Long.MAX_VALUE);
    assertThat(watch.whyFull(directory).orElseThrow()).contains("is full", "remove some");
    assertThat(watch.freeBytes().orElseThrow()).isPositive();
  }
}
