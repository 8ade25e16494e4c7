package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One sync fails, whichever it is: the same process goes on with what it had answered, and leaves
 * nothing open. Real files, so real locks; what such a sync loses is PowerLossTest's.
 */
class FailingSyncTest {
  private static final int COMMITS = 6;

  /** Small, so that the database is synced too, and compacted. */
  private static final LedgerSizes SIZES = new LedgerSizes(60_000, 8_192);

  @TempDir Path directory;
  private Map<JobId, Job> jobs = Map.of();

  @BeforeEach
  @AfterEach
  void heal() {
    FailingFiles.heal();
  }

  @Test
  void aSyncThatFailsEndsNothingForGood() throws IOException {
    int failures = 0;
    for (int sync = 0; sync == failures; sync++) {
      Path state = Files.createDirectory(directory.resolve("state-" + sync));
      LedgerPlace place = new LedgerPlace(FailingFiles.SCHEME + ":file:", state.resolve("ledger"));
      jobs = Map.of();
      live(place, sync);
      FailingFiles.failSyncAfter(sync);
      live(place, sync);
      failures += FailingFiles.isOver() ? 1 : 0;
      FailingFiles.heal();
      live(place, sync);
      assertThat(openFilesBelow(state)).as("sync " + sync).isEmpty();
    }
    System.out.println(failures + " syncs failed, one a life");
    assertThat(failures).isGreaterThan(COMMITS);
  }

  /** The ends of a group that changes no live job do not tell whether it is on disk. */
  @Test
  void whatIsOnDiskThoughItsSyncFailedIsNotRecordedOnceMore() {
    LedgerPlace place =
        new LedgerPlace(FailingFiles.SCHEME + ":file:", directory.resolve("ledger"));
    try (JobLedger ledger = JobLedger.open(place, LedgerStory.CLOCK, SIZES)) {
      JobId job = new LedgerStory(ledger, Map.of(), new Random(1)).next().job().orElseThrow().id();
      FailingFiles.failSyncAfter(0);
      ledger.note(job, "note", "once");
      assertThat(FailingFiles.isOver()).isTrue();
      assertThat(ledger.fault()).isEmpty();
      assertThat(ledger.history(job, 100))
          .extracting(JobHistory.Line::message)
          .containsOnlyOnce("once");
    }
  }

  @Test
  void aJournalThatCouldNotBeMadeIsMadeLater() throws IOException {
    int lacking = 0;
    for (int sync = 0, failures = 0; sync == failures; sync++) {
      Path state = Files.createDirectory(directory.resolve("state-" + sync));
      LedgerPlace place = new LedgerPlace(FailingFiles.SCHEME + ":file:", state.resolve("ledger"));
      FailingFiles.failSyncAfter(sync);
      try (JobLedger ledger = openNew(place)) {
        failures += FailingFiles.isOver() ? 1 : 0;
        FailingFiles.heal();
        lacking += place.journal().size() == 0 ? 1 : 0;
        ledger.probe(); // is told, then the file is tidied
        new LedgerStory(ledger, Map.of(), new Random(1)).next();
        assertThat(place.journal().size()).isEqualTo(SIZES.journalBytes());
        assertThat(LedgerJournal.read(place.journal()))
            .extracting(LedgerJournal.Group::number)
            .endsWith(2L);
      }
    }
    assertThat(lacking).as("openings that could not make it").isPositive();
  }

  private static JobLedger openNew(LedgerPlace place) {
    try {
      return JobLedger.open(place, LedgerStory.CLOCK, SIZES);
    } catch (LedgerException refused) {
      return JobLedger.open(place, LedgerStory.CLOCK, SIZES);
    }
  }

  @Test
  void whatIsWrongIsToldAlsoWhereTheBackupsCannotBeRead() throws IOException {
    LedgerPlace place =
        new LedgerPlace(FailingFiles.SCHEME + ":file:", directory.resolve("ledger"));
    JobLedger.open(place, LedgerStory.CLOCK, SIZES).close();
    Files.createDirectory(directory.resolve("backups"));
    Files.write(directory.resolve("ledger.mv.db"), new byte[0]);
    FailingFiles.failListing();
    assertThatThrownBy(() -> JobLedger.open(place, LedgerStory.CLOCK, SIZES))
        .isInstanceOf(LedgerException.class)
        .hasMessageContainingAll(
            "ledger.mv.db is empty",
            "backups cannot be read: ",
            "Input/output error",
            "gpurunner restore FILE");
  }

  private void live(LedgerPlace place, int seed) {
    try (JobLedger ledger = openAtLast(place)) {
      assertThat(LedgerStory.jobsOf(ledger)).isEqualTo(jobs);
      LedgerStory story = new LedgerStory(ledger, jobs, new Random(seed));
      for (int i = 0; i < COMMITS; i++) {
        try {
          story.next();
        } catch (LedgerException refused) {
          ledger.probe();
          assertThat(ledger.fault()).isEmpty();
          Map<JobId, Job> found = LedgerStory.jobsOf(ledger);
          requireHolds(found, story.jobs());
          story = new LedgerStory(ledger, found, new Random(seed));
        }
      }
      jobs = story.jobs();
    }
  }

  /** The commit that was refused may be there or not. */
  private static void requireHolds(Map<JobId, Job> found, Map<JobId, Job> answered) {
    assertThat(LedgerStory.changedJobs(answered, found))
        .as("jobs that the refused commit changed")
        .isBetween(0L, 1L);
  }

  /** What systemd does with an agent that cannot open its ledger. */
  private static JobLedger openAtLast(LedgerPlace place) {
    try {
      return JobLedger.open(place, LedgerStory.CLOCK, SIZES);
    } catch (LedgerException refused) {
      assertThat(refused).hasMessageContaining("Input/output error");
      return JobLedger.open(place, LedgerStory.CLOCK, SIZES);
    }
  }

  private static List<String> openFilesBelow(Path state) throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      return files
          .map(FailingSyncTest::target)
          .filter(target -> target.startsWith(state.toString()))
          .toList();
    }
  }

  private static String target(Path file) {
    try {
      return Files.readSymbolicLink(file).toString();
    } catch (IOException closed) {
      return "";
    }
  }
}
