package io.gpurunner.agent.os;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SteadyClockTest {
  private static final Instant START = Instant.parse("2026-01-01T12:00:00Z");

  @TempDir Path directory;
  private final AtomicLong nanos = new AtomicLong(42);
  private Duration uptime = Duration.ofSeconds(100);
  private Instant wall = START;

  @BeforeEach
  void boot() throws IOException {
    passes(Duration.ZERO);
  }

  /** Lets time pass, also on the wall clock. */
  private void passes(Duration time) throws IOException {
    nanos.addAndGet(time.toNanos());
    uptime = uptime.plus(time);
    wall = wall.plus(time);
    Files.writeString(directory.resolve("uptime"), uptime.toSeconds() + ".00 1234.56\n");
  }

  private SteadyClock open(String bootId) {
    InstantSource wallClock = () -> wall;
    return SteadyClock.open(
        directory.resolve("boot-clock"),
        bootId,
        new HostFacts(directory),
        wallClock.withZone(ZoneOffset.UTC),
        nanos::get);
  }

  @Test
  void itGoesWithTheWallClockUntilThatIsSet() throws IOException {
    SteadyClock clock = open("boot-1");
    assertThat(clock.instant()).isEqualTo(START);
    passes(Duration.ofMinutes(5));
    assertThat(clock.instant()).isEqualTo(START.plusSeconds(300));
    assertThat(clock.toWall(START)).isEqualTo(START);
  }

  @Test
  void aClockThatIsSetMovesWhatPeopleAreToldAndNothingElse() throws IOException {
    SteadyClock clock = open("boot-1");
    wall = wall.plus(Duration.ofHours(3));
    passes(Duration.ofMinutes(1));
    assertThat(clock.instant()).isEqualTo(START.plusSeconds(60));
    assertThat(clock.toWall(clock.instant())).isEqualTo(wall);
    assertThat(clock.ofWall(wall)).isEqualTo(clock.instant());
    wall = wall.minus(Duration.ofDays(400));
    assertThat(clock.instant()).isEqualTo(START.plusSeconds(60));
    assertThat(clock.toWall(clock.instant())).isEqualTo(wall);
  }

  @Test
  void someMillisecondsToEitherSideAreNoClockThatWasSet() {
    SteadyClock clock = open("boot-1");
    for (Duration set : List.of(Duration.ZERO, Duration.ofHours(3), Duration.ofHours(-3))) {
      for (Duration off : List.of(Duration.ofMillis(-9), Duration.ofMillis(9))) {
        wall = START.plus(set).plus(off);
        assertThat(clock.toWall(START)).isEqualTo(START.plus(set));
        assertThat(clock.ofWall(START.plus(set))).isEqualTo(START);
      }
    }
  }

  @Test
  void itOutlivesTheAgentUnderOneBoot() throws IOException {
    open("boot-1");
    passes(Duration.ofMinutes(10));
    wall = wall.minus(Duration.ofHours(5));
    assertThat(open("boot-1").instant()).isEqualTo(START.plusSeconds(600));
  }

  @Test
  void anotherBootBeginsByTheWallClock() throws IOException {
    open("boot-1");
    passes(Duration.ofMinutes(10));
    wall = wall.plus(Duration.ofHours(5));
    uptime = Duration.ofSeconds(7);
    passes(Duration.ZERO);
    assertThat(open("boot-2").instant()).isEqualTo(wall);
  }

  @Test
  void aFileThatIsDamagedOrCannotBeWrittenIsDoneWithout() throws IOException {
    Files.writeString(directory.resolve("boot-clock"), "boot-1\nhalf past nine\n");
    assertThat(open("boot-1").instant()).isEqualTo(START);
    assertThat(Files.readString(directory.resolve("boot-clock"))).startsWith("boot-1\n2026");
    Files.delete(directory.resolve("boot-clock"));
    Files.createDirectories(directory.resolve("boot-clock.new"));
    assertThat(open("boot-1").instant()).isEqualTo(START);
  }
}
