package io.gpurunner.agent.ledger;

import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was answered is in the database, or in the journal; where neither has it, it is missed. */
class LedgerJournalTest {
  private static final int COMMITS = 30;

  @TempDir Path directory;

  private Path killed() {
    return directory.resolve("killed");
  }

  private Path path(String name) {
    return directory.resolve(name);
  }

  private static JobLedger open(Path directory, int journalBytes) {
    return JobLedger.open(
        LedgerPlace.onDisk(directory.resolve("ledger")),
        LedgerStory.CLOCK,
        new LedgerSizes(Long.MAX_VALUE, journalBytes));
  }

  /** Copies the files as a kill leaves them. */
  private void kill(Path from) throws IOException {
    Files.createDirectories(killed());
    for (String file : List.of("ledger.mv.db", "ledger.journal", "ledger.witness")) {
      Files.copy(from.resolve(file), killed().resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static Map<JobId, Job> write(JobLedger ledger, Map<JobId, Job> known, int commits) {
    LedgerStory story = new LedgerStory(ledger, known, new Random(commits));
    for (int i = 0; i < commits; i++) {
      story.next();
    }
    return story.jobs();
  }

  private void requireRefused(String... words) {
    assertThatThrownBy(() -> open(killed(), LedgerJournal.BYTES))
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll("ledger.mv.db", "gpurunner restore")
        .hasMessageContainingAll(words);
  }

  @Test
  void commitsAreInTheJournalUntilTheLedgerIsClosed() throws IOException {
    byte[] before;
    Map<JobId, Job> jobs;
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      before = Files.readAllBytes(path("ledger.mv.db"));
      jobs = write(ledger, Map.of(), COMMITS);
      assertThat(Files.readAllBytes(path("ledger.mv.db"))).isEqualTo(before);
      assertThat(LedgerJournal.read(LedgerPlace.onDisk(path("ledger")).journal())).hasSize(COMMITS);
      assertThat(
              PosixFilePermissions.toString(Files.getPosixFilePermissions(path("ledger.journal"))))
          .isEqualTo("rw-------");
      kill(directory);
    }
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
      jobs = write(ledger, jobs, COMMITS);
    }
    Files.delete(killed().resolve("ledger.journal")); // closed: all is in the database
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
    }
  }

  @Test
  void itIsWrittenFromItsStartAgainAndAgain() throws IOException {
    Map<JobId, Job> jobs = Map.of();
    try (JobLedger ledger = open(directory, 9_000)) {
      for (int i = 0; i < COMMITS; i++) {
        jobs = write(ledger, jobs, 3);
        kill(directory);
        try (JobLedger found = open(killed(), 9_000)) {
          assertThat(LedgerStory.jobsOf(found)).isEqualTo(jobs);
        }
      }
    }
    assertThat(path("ledger.journal")).hasSize(9_000);
  }

  @Test
  void anOlderDatabaseIsCompletedAsFarBackAsTheJournalGoes() throws IOException {
    Map<JobId, Job> jobs;
    Path older = path("older");
    Path oldest = path("oldest");
    try (JobLedger ledger = open(directory, 0)) {
      jobs = write(ledger, Map.of(), 5);
      Files.copy(path("ledger.mv.db"), oldest);
      jobs = write(ledger, jobs, 5);
    }
    Files.copy(path("ledger.mv.db"), older);
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      jobs = write(ledger, jobs, COMMITS);
    }
    kill(directory);
    Files.copy(older, killed().resolve("ledger.mv.db"), StandardCopyOption.REPLACE_EXISTING);
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
    }
    kill(directory);
    Files.copy(oldest, killed().resolve("ledger.mv.db"), StandardCopyOption.REPLACE_EXISTING);
    requireRefused("commits 6 to 10 are neither in it nor in its journal");
  }

  @Test
  void aJournalThatIsGoneOrDamagedIsMissed() throws IOException {
    Map<JobId, Job> jobs;
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      jobs = write(ledger, Map.of(), COMMITS);
      kill(directory);
    }
    Path journal = killed().resolve("ledger.journal");
    byte[] whole = Files.readAllBytes(journal);
    int records = 0;
    for (int at = 0; at < whole.length; at += 1_009) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      Files.write(journal, damaged);
      int found =
          LedgerJournal.read(LedgerPlace.onDisk(killed().resolve("ledger")).journal()).size();
      if (found < COMMITS - 1) {
        records++;
        requireRefused(
            "commit " + (found + 1) + " is not in it, and damaged in " + journal,
            "which has commit " + COMMITS);
      } else if (found < COMMITS) {
        requireRefused("lacks the last", "ledger.witness");
      }
    }
    assertThat(records).isGreaterThan(10);
    Files.delete(journal);
    requireRefused("lacks the last", "ledger.witness");
    Files.write(journal, whole);
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
    }
  }

  /** A cut can tear the last only; the witness, which is not synced, may say little then. */
  @Test
  void aRecordThatIsDamagedIsNotTakenForTheLastWhereOthersFollow() throws IOException {
    Files.createDirectories(killed());
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      Files.copy(path("ledger.witness"), path("stale"));
      write(ledger, Map.of(), COMMITS);
      kill(directory);
    }
    Files.copy(path("stale"), killed().resolve("ledger.witness"), REPLACE_EXISTING);
    Path journal = killed().resolve("ledger.journal");
    byte[] whole = Files.readAllBytes(journal);
    for (int at : new int[] {0, 4, 8, 16, 20}) { // of the first record: each field
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      Files.write(journal, damaged);
      requireRefused("commit 1 is not in it, and damaged in " + journal);
      assertThatThrownBy(() -> LedgerBackups.copy(killed().resolve("ledger"), path("copy-" + at)))
          .hasMessageContaining("damaged in " + journal);
    }
    byte[] torn = whole.clone();
    int end = whole.length;
    while (whole[end - 1] == 0) {
      end--;
    }
    torn[end - 1] ^= 1;
    Files.write(journal, torn);
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(ledger.count(Optional.empty())).isPositive();
    }
  }

  @Test
  void aDatabaseIsNotMadeAnewBesideAJournalThatHasCommits() throws IOException {
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      write(ledger, Map.of(), COMMITS);
      kill(directory);
    }
    Files.delete(killed().resolve("ledger.mv.db"));
    Files.delete(killed().resolve("ledger.witness"));
    requireRefused("is gone", "ledger.journal has commits of it");
  }

  @Test
  void aCommitThatWasUndoneIsNotInIt() throws IOException {
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      Map<JobId, Job> jobs = write(ledger, Map.of(), 1);
      Job job = jobs.values().iterator().next();
      assertThatThrownBy(() -> ledger.note(JobId.random(), "note", "of no job"))
          .isInstanceOf(LedgerException.class);
      ledger.note(job.id(), "note", "of a job");
      assertThat(LedgerJournal.read(LedgerPlace.onDisk(path("ledger")).journal()))
          .extracting(group -> group.changes().size())
          .endsWith(0, 1)
          .hasSize(3);
    }
  }

  @Test
  void aRestoredLedgerIsNotCompletedFromTheOneBefore() throws IOException {
    Path copy = path("copy");
    Map<JobId, Job> kept;
    try (JobLedger ledger = open(directory, LedgerJournal.BYTES)) {
      kept = write(ledger, Map.of(), COMMITS);
      LedgerBackups.copy(path("ledger"), copy);
      write(ledger, kept, COMMITS);
      kill(directory);
    }
    LedgerBackups.restore(killed().resolve("ledger"), copy, LedgerStory.CLOCK.instant());
    try (JobLedger ledger = open(killed(), LedgerJournal.BYTES)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(kept);
    }
    assertThat(killed().resolve("ledger.replaced-20260101T000000Z.journal")).exists();
  }
}
