package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LedgerBackupsTest {
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
      Path left =
          Files.createDirectories(directory.resolve("backups/ledger-20251231T000000Z.mv.db.part"));
      Files.writeString(left.resolve("ledger.next.mv.db"), "half of it");
      LedgerBackups.makeOwn(LedgerPlace.onDisk(database()), T);
      assertThat(directory.resolve("backups"))
          .isDirectoryContaining("glob:**.mv.db")
          .isDirectoryNotContaining("glob:**.part");
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
      LedgerBackups.Copied copied = LedgerBackups.copy(database(), copy);
      assertThat(copied.bytes()).isEqualTo(Files.size(copy));
      enough.set(true);
      writer.join();
      // What was removed meanwhile may be in it or not.
      before.keySet().retainAll(story.jobs().keySet());
      assertThat(before).isNotEmpty();
      assertThat(copied.jobs()).isGreaterThanOrEqualTo(before.size());
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(copy)))
          .isEqualTo("rw-------");
      assertThatThrownBy(() -> LedgerBackups.copy(database(), copy))
          .hasMessageContaining("is there already");
      assertThatThrownBy(() -> LedgerBackups.restore(database(), copy, T))
          .hasMessageContaining("another agent already uses");
    }
    LedgerBackups.restore(database(), copy, T);
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      Map<JobId, Job> restored = LedgerStory.jobsOf(ledger);
      assertThat(restored.keySet()).containsAll(before.keySet());
      restored.forEach(
          (id, job) ->
              assertThat(job.version())
                  .isGreaterThanOrEqualTo(before.getOrDefault(id, job).version()));
      new LedgerStory(ledger, Map.of(), new Random(2)).next();
    }
    assertThat(directory.resolve("ledger.replaced-20260101T000000Z.mv.db")).exists();
    assertThat(directory).isDirectoryNotContaining("glob:**.{part,next}*");
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
    Path file = directory.resolve("ledger.mv.db");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    Files.delete(directory.resolve("ledger.journal")); // which would make up for it
    Path backup = directory.resolve("backups/ledger-20260101T000000Z-1.mv.db");
    assertThatThrownBy(() -> open(LedgerStory.CLOCK))
        .hasMessageContainingAll(
            file.toString(), "made at 2026-01-01T00:00:00Z", "gpurunner restore " + backup);
    LedgerBackups.restore(database(), backup, T);
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(kept);
    }
  }

  @Test
  void whatIsNoCopyIsNotPutInPlace() throws IOException {
    open(LedgerStory.CLOCK).close();
    Path other = Files.writeString(directory.resolve("other"), "not a ledger");
    assertThatThrownBy(() -> LedgerBackups.restore(database(), other, T))
        .hasMessageContainingAll(other.toString(), "could not be put in the place of");
    assertThatThrownBy(() -> LedgerBackups.restore(database(), directory.resolve("none"), T))
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
      LedgerBackups.copy(database(), small); // with nothing in the journal
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < 200; i++) {
        story.next();
      }
      jobs = story.jobs();
      LedgerBackups.copy(database(), asked);
      ledger.backUpDaily();
      own = LedgerBackups.list(LedgerPlace.onDisk(database())).getFirst().file().toString();
    }
    Instant at = T;
    for (Path copy : List.of(small, asked, Path.of(own))) {
      requireNoShorterOneIsRestored(copy);
      at = at.plusSeconds(1);
      LedgerBackups.restore(database(), copy, at);
    }
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
    }
  }

  /** Else a refusal would name it, and the next would name it again. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "update job set state_json = '{' where finished_at is null",
        "update job set request_json = '[' where finished_at is null",
        "insert into gpu_lease select 'GPU-of-nobody', id, 0 from job limit 1"
      })
  void aLedgerThatAStartWouldRefuseIsNeitherCopiedNorPutInPlace(String damage) throws Exception {
    try (JobLedger ledger = open(LedgerStory.CLOCK)) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < 20; i++) {
        story.next();
      }
    }
    Path whole = Files.copy(directory.resolve("ledger.mv.db"), directory.resolve("whole"));
    LedgerPlace place = LedgerPlace.onDisk(database());
    try (Connection connection = LedgerSchema.source(place, "").getConnection();
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(damage)).isPositive();
    }
    Path damaged = Files.copy(directory.resolve("ledger.mv.db"), directory.resolve("damaged"));

    assertThatThrownBy(() -> LedgerBackups.copy(database(), directory.resolve("copy")))
        .hasMessageContaining("could not be copied");
    assertThat(directory.resolve("copy")).doesNotExist();
    assertThatThrownBy(() -> LedgerBackups.makeOwn(place, T))
        .hasMessageContaining("could not be copied");
    assertThat(LedgerBackups.list(place)).isEmpty();
    assertThatThrownBy(() -> LedgerBackups.restore(database(), damaged, T))
        .hasMessageContaining("could not be put in the place of");
    assertThatThrownBy(() -> open(LedgerStory.CLOCK)).hasMessageContaining("cannot be opened");

    LedgerBackups.restore(database(), whole, T);
    open(LedgerStory.CLOCK).close();
  }

  @Test
  void theCopyOfALedgerOfAnOlderFormCanBePutInPlace() {
    LedgerPlace place = LedgerPlace.onDisk(database());
    Flyway.configure()
        .dataSource(LedgerSchema.source(place, ""))
        .locations("classpath:db/migration")
        .target("1")
        .load()
        .migrate();
    open(LedgerStory.CLOCK).close();
    String copy = LedgerBackups.list(place).getFirst().file().toString();
    LedgerBackups.restore(database(), Path.of(copy), T);
    open(LedgerStory.CLOCK).close();
  }

  private void requireNoShorterOneIsRestored(Path copy) throws IOException {
    byte[] whole = Files.readAllBytes(copy);
    Path cut = directory.resolve("cut");
    for (int length = 0; length < whole.length; length += 2_048) {
      Files.write(cut, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> LedgerBackups.restore(database(), cut, T))
          .hasMessageContainingAll(cut.toString(), "cut short", "another one");
    }
  }

  @Test
  void aClockThatIsSetCostsNoBackupAndHidesNone() throws IOException {
    Path backups = Files.createDirectory(directory.resolve("backups"));
    for (int day = 1; day <= 7; day++) { // of a version that did not number them
      Files.createFile(backups.resolve("ledger-2025120" + day + "T000000Z.mv.db"));
    }
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
    LedgerPlace place = LedgerPlace.onDisk(database());
    try (JobLedger ledger = open(clock)) {
      long before = newest(place).number();
      ledger.backUpDaily();
      assertThat(newest(place).number()).isEqualTo(before + 1);
      assertThat(newest(place).at()).isEqualTo(at);
      assertThat(LedgerBackups.remedy(place)).contains(newest(place).file().toString());
    }
    requireNoneIsDue(at);
  }

  private void requireNoneIsDue(Instant at) {
    assertThat(LedgerBackups.isDue(LedgerPlace.onDisk(database()), Duration.ofDays(1), at))
        .isFalse();
  }

  private static LedgerBackups.Backup newest(LedgerPlace place) {
    return LedgerBackups.list(place).getFirst();
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
              "ledger-20260104T000000Z-4.mv.db",
              "ledger-20260105T000000Z-5.mv.db",
              "ledger-20260106T000000Z-6.mv.db",
              "ledger-20260107T000000Z-7.mv.db",
              "ledger-20260108T000000Z-8.mv.db",
              "ledger-20260109T000000Z-9.mv.db",
              "ledger-20260110T000000Z-10.mv.db");
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
