package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.disk.Backups;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackupsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");

  @TempDir Path directory;

  private JobLedger open(Clock clock) {
    return JobLedger.open(database(), clock);
  }

  private Path database() {
    return directory.resolve("ledger");
  }

  @Test
  void whatAKilledProcessLeftOfACopyIsRemovedBeforeTheNext() throws IOException {
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      new LedgerStory(ledger, Map.of(), new Random(1)).next();
      Path backups = Files.createDirectories(directory.resolve("backups"));
      Path left = Files.writeString(backups.resolve("ledger-20251231T000000Z-1.part"), "half");
      ledger.backUpDaily();
      assertThat(left).doesNotExist();
      assertThat(backups).isDirectoryContaining("glob:**/ledger-20260101T000000Z-1");
    }
  }

  @Test
  void aCopyOfALedgerThatIsBeingWrittenHoldsWhatWasAnsweredBeforeItBegan() throws Exception {
    AtomicBoolean enough = new AtomicBoolean();
    Path copy = directory.resolve("copy of it");
    Map<JobId, Job> before = new HashMap<>();
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < 50; i++) {
        story.next();
      }
      before.putAll(story.jobs());
      Thread writer =
          Thread.startVirtualThread(
              () -> {
                while (!enough.get()) {
                  story.next();
                }
              });
      Backups.Copied copied = Backups.copy(database(), copy);
      assertThat(copied.bytes()).isEqualTo(Files.size(copy));
      enough.set(true);
      writer.join();
      // What was removed meanwhile may be in it or not.
      before.keySet().retainAll(story.jobs().keySet());
      assertThat(before).isNotEmpty();
      assertThat(copied.jobs()).isGreaterThanOrEqualTo(before.size());
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(copy)))
          .isEqualTo("rw-------");
      assertThatThrownBy(() -> Backups.copy(database(), copy))
          .hasMessageContaining("is there already");
      assertThatThrownBy(() -> Backups.restore(database(), copy, T))
          .hasMessageContaining("another agent already uses");
    }
    Backups.restore(database(), copy, T);
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      Map<JobId, Job> restored = LedgerStory.jobsOf(ledger);
      assertThat(restored.keySet()).containsAll(before.keySet());
      restored.forEach(
          (id, job) ->
              assertThat(job.version())
                  .isGreaterThanOrEqualTo(before.getOrDefault(id, job).version()));
      new LedgerStory(ledger, Map.of(), new Random(2)).next();
    }
    assertThat(directory.resolve("ledger.replaced-20260101T000000Z")).isNotEmptyDirectory();
    assertThat(database()).isDirectoryNotContaining("glob:**.part");
  }

  @Test
  void aDamagedLedgerNamesItsNewestBackupWhichThenServes() throws IOException {
    Map<JobId, Job> kept;
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < 20; i++) {
        story.next();
      }
      kept = story.jobs();
      ledger.backUpDaily();
      story.next();
    }
    Path segment = database().resolve("journal-0000000000000001");
    byte[] whole = Files.readAllBytes(segment);
    Files.write(segment, Arrays.copyOf(whole, whole.length / 2));
    Path backup = directory.resolve("backups/ledger-20260101T000000Z-1");
    assertThatThrownBy(() -> open(LedgerStory.CLOCK))
        .hasMessageContainingAll(
            segment.getFileName().toString(),
            "made at 2026-01-01T00:00:00Z",
            "gpurunner restore " + backup);
    Backups.restore(database(), backup, T);
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(kept);
    }
  }

  @Test
  void whatIsNoCopyIsNotPutInPlace() throws IOException {
    open(LedgerStory.CLOCK).close();
    Path other = Files.writeString(directory.resolve("other"), "not a ledger");
    assertThatThrownBy(() -> Backups.restore(database(), other, T))
        .hasMessageContainingAll(other.toString(), "could not be put in the place of");
    assertThatThrownBy(() -> Backups.restore(database(), directory.resolve("none"), T))
        .hasMessageContaining("none");
    open(LedgerStory.CLOCK).close();
  }

  @Test
  void aCopyThatWasCutShortIsNotPutInPlace() throws Exception {
    Path small = directory.resolve("small");
    Path asked = directory.resolve("asked");
    String own;
    Map<JobId, Job> jobs;
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      Backups.copy(database(), small); // with nothing in the journal
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < 200; i++) {
        story.next();
      }
      jobs = story.jobs();
      Backups.copy(database(), asked);
      ledger.backUpDaily();
      own = newest().toString();
    }
    Instant at = T;
    for (Path copy : List.of(small, asked, Path.of(own))) {
      requireNoShorterOneIsRestored(copy);
      at = at.plusSeconds(1);
      Backups.restore(database(), copy, at);
    }
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
    }
  }

  private void requireNoShorterOneIsRestored(Path copy) throws IOException {
    byte[] whole = Files.readAllBytes(copy);
    Path cut = directory.resolve("cut");
    for (int length = 0; length < whole.length; length += 2_048) {
      Files.write(cut, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Backups.restore(database(), cut, T))
          .hasMessageContainingAll(cut.toString(), "could not be put in the place of");
    }
  }

  @Test
  void aClockThatIsSetCostsNoBackupAndHidesNone() throws IOException {
    Path backups = directory.resolve("backups");
    Duration years = Duration.ofDays(3_000);
    for (Duration clockIsOff :
        List.of(years.negated(), Duration.ZERO, years, Duration.ZERO, years.negated())) {
      Instant at = T.plus(clockIsOff);
      requireMade(at);
      for (int hour = 1; hour < 24; hour++) {
        requireNoneIsDue(at.plus(Duration.ofHours(hour)));
      }
      requireMade(at.plus(Duration.ofDays(1)));
    }
    try (var left = Files.list(backups)) {
      assertThat(left).hasSize(7);
    }
  }

  private void requireMade(Instant at) {
    Clock clock = Clock.fixed(at, ZoneOffset.UTC);
    try (JobLedger ledger = open(clock)) {
      long before = numberOfNewest();
      ledger.backUpDaily();
      assertThat(numberOf(newest())).isEqualTo(before + 1);
      assertThat(Backups.remedy(database()))
          .contains("made at " + at, "gpurunner restore " + newest());
    }
    requireNoneIsDue(at);
  }

  private void requireNoneIsDue(Instant at) {
    Path before = newest();
    try (JobLedger ledger = open(Clock.fixed(at, ZoneOffset.UTC))) {
      ledger.backUpDaily();
    }
    assertThat(newest()).isEqualTo(before);
  }

  private Path newest() {
    try (Stream<Path> files = Files.list(directory.resolve("backups"))) {
      return files.max(Comparator.comparingLong(BackupsTest::numberOf)).orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private long numberOfNewest() {
    return Files.exists(directory.resolve("backups")) ? numberOf(newest()) : 0;
  }

  private static long numberOf(Path backup) {
    return Long.parseLong(backup.toString().replaceFirst(".*-", ""));
  }

  @Test
  void oneADayIsMadeAndSevenAreKept() throws IOException {
    for (int hour = 0; hour < 24 * 10; hour += 6) {
      Clock clock = Clock.fixed(T.plus(Duration.ofHours(hour)), ZoneOffset.UTC);
      try (JobLedger ledger = open(clock)) {
        ledger.backUpDaily();
      }
    }
    try (var backups = Files.list(directory.resolve("backups"))) {
      assertThat(backups.map(file -> file.getFileName().toString()).sorted())
          .containsExactly(
              "ledger-20260104T000000Z-4",
              "ledger-20260105T000000Z-5",
              "ledger-20260106T000000Z-6",
              "ledger-20260107T000000Z-7",
              "ledger-20260108T000000Z-8",
              "ledger-20260109T000000Z-9",
              "ledger-20260110T000000Z-10");
    }
    requireBackupsAreTheAgentsOwn();
  }

  private void requireBackupsAreTheAgentsOwn() throws IOException {
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(directory.resolve("backups"))))
        .isEqualTo("rwx------");
  }
}
