package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A file that is not what it was is named, with the way out; it is never opened as a shorter one.
 */
class LedgerDamageTest {
  private static final int COMMITS = 60;

  /** Without a journal, which would make up for what the database lacks (LedgerJournalTest). */
  private static final LedgerSizes SIZES = new LedgerSizes(Long.MAX_VALUE, 0);

  @TempDir Path directory;
  private byte[] whole = new byte[0];
  private Map<JobId, Job> jobs = Map.of();

  @BeforeEach
  void write() throws IOException {
    try (JobLedger ledger = open()) {
      LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(1));
      for (int i = 0; i < COMMITS; i++) {
        story.next();
      }
      // The file is as a kill leaves it. Closing writes once more, and no commit is in that.
      whole = Files.readAllBytes(file());
      jobs = story.jobs();
    }
    Files.write(file(), whole);
  }

  private JobLedger open() {
    return JobLedger.open(
        LedgerPlace.onDisk(directory.resolve("ledger")), LedgerStory.CLOCK, SIZES);
  }

  private Path file() {
    return directory.resolve("ledger.mv.db");
  }

  private void requireRefused(String... words) {
    assertThatThrownBy(this::open)
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll(file().toString(), "gpurunner restore")
        .hasMessageContainingAll(words);
  }

  @Test
  void cutShortAtAnyPowerOfTwo() throws IOException {
    for (int length = 1; length < whole.length; length *= 2) {
      Files.write(file(), Arrays.copyOf(whole, length));
      requireRefused("the ledger");
    }
    Files.write(file(), Arrays.copyOf(whole, whole.length - 1));
    requireRefused("lacks the last");
    Files.write(file(), whole);
    open().close();
  }

  @Test
  void emptiedOrGone() throws IOException {
    Files.write(file(), new byte[0]);
    requireRefused("is empty");
    Files.delete(file());
    requireRefused("is gone", "ledger.witness");
    Files.delete(directory.resolve("ledger.witness"));
    Path job = Files.createDirectories(directory.resolve("jobs").resolve(JobId.random().value()));
    requireRefused("is gone", directory.resolve("jobs").toString());
    Files.delete(job);
    Files.createDirectory(directory.resolve("jobs/lost+found")); // of a disk of its own
    try (JobLedger fresh = open()) {
      assertThat(fresh.live()).isEmpty();
    }
  }

  @Test
  void notReadable() throws IOException {
    Files.delete(file());
    Files.createDirectory(file());
    assertThatThrownBy(this::open)
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll(
            file().toString(), "Is a directory", "see to its disk", "gpurunner restore");
  }

  @Test
  void ofAnotherProgram() throws IOException, SQLException {
    Files.writeString(file(), "#!/bin/sh\nexit 0\n");
    requireRefused("cannot be opened");
    Files.delete(file());
    try (Connection other =
            DriverManager.getConnection(
                LedgerPlace.onDisk(directory.resolve("ledger")).url(), "gpurunner", "");
        Statement statement = other.createStatement()) {
      statement.execute("create table theirs (id int)");
    }
    requireRefused("holds no ledger");
  }

  @Test
  void ofANewerAgent() throws SQLException {
    try (Connection newer =
            LedgerSchema.source(LedgerPlace.onDisk(directory.resolve("ledger")), "")
                .getConnection();
        Statement statement = newer.createStatement()) {
      statement.execute(
          "update \"flyway_schema_history\" set \"version\" = '99' where \"version\" = '2'");
    }
    requireRefused("newer gpurunner", "form 99");
  }

  /** Nobody knows what of it is on disk; and it lacks what the witness has seen. */
  @Test
  void oneThatIsToBeWrittenAnewIsKeptWhereItLacksCommits() throws IOException {
    Path copy = Files.copy(file(), directory.resolve("older"));
    try (JobLedger ledger = open()) {
      new LedgerStory(ledger, Map.of(), new Random(2)).next();
    }
    Files.copy(copy, file(), StandardCopyOption.REPLACE_EXISTING);
    Path mark = Files.createFile(directory.resolve("ledger.mv.db.unsynced"));
    requireRefused("lacks the last 1 of the 61 commits");
    assertThat(file()).hasSameBinaryContentAs(copy);
    assertThat(mark).exists();
    assertThat(directory.resolve("ledger.next.mv.db")).doesNotExist();

    Files.write(file(), whole);
    Files.delete(directory.resolve("ledger.witness"));
    open().close();
    assertThat(mark).doesNotExist();
  }

  @Test
  void whatAKilledProcessLeftHalfWrittenIsRemoved() throws IOException {
    Path next = Files.write(directory.resolve("ledger.next.mv.db"), whole);
    open().close();
    assertThat(next).doesNotExist();
  }

  @Test
  void anOlderCopyPutInItsPlace() throws IOException {
    Path copy = Files.copy(file(), directory.resolve("older"));
    try (JobLedger ledger = open()) {
      new LedgerStory(ledger, Map.of(), new Random(2)).next();
    }
    Files.copy(copy, file(), StandardCopyOption.REPLACE_EXISTING);
    requireRefused("lacks the last 1 of the 61 commits");
  }

  @Test
  void damagedHeader() throws IOException {
    byte[] garbage = new byte[8192];
    new Random(1).nextBytes(garbage);
    overwrite(0, garbage);
    requireRefused("cannot be opened");
    // One of its two copies is enough.
    Files.write(file(), whole);
    overwrite(0, Arrays.copyOf(garbage, 4096));
    open().close();
    Files.write(file(), whole);
    overwrite(4096, Arrays.copyOf(garbage, 4096));
    open().close();
  }

  @Test
  void zeroesInTheMiddle() throws IOException {
    int opened = 0;
    for (int at = 8192; at < whole.length; at += 4096) {
      Files.write(file(), whole);
      overwrite(at, new byte[4096]);
      // What is not read at the start is found out when it is; nothing may be missing silently.
      try (JobLedger ledger = open()) {
        opened++;
        requireAllJobs(ledger);
      } catch (LedgerException refused) {
        assertThat(refused).hasMessageContainingAll(file().toString(), "gpurunner restore");
      }
    }
    assertThat(opened).isLessThan(whole.length / 4096);
  }

  private void requireAllJobs(JobLedger ledger) {
    Map<JobId, Job> found;
    try {
      found = LedgerStory.jobsOf(ledger);
    } catch (LedgerException damaged) {
      assertThat(damaged).hasMessageContainingAll(file().toString(), "gpurunner restore");
      return;
    }
    assertThat(found).isEqualTo(jobs);
  }

  private void overwrite(int at, byte[] bytes) throws IOException {
    try (RandomAccessFile opened = new RandomAccessFile(file().toFile(), "rw")) {
      opened.seek(at);
      opened.write(bytes);
    }
  }

  @Test
  void aWitnessThatSaysNothingIsNoReasonToRefuse() throws IOException {
    for (String text : new String[] {"", "gpurunner ledger, commits: 99999 00000000\n", "\0\0\0"}) {
      Files.writeString(directory.resolve("ledger.witness"), text, StandardCharsets.US_ASCII);
      open().close();
    }
  }
}
