package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
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

  /** So small that there are several. */
  private static final int SEGMENT_BYTES = 4_096;

  private static JobLedger open(LedgerPlace place) {
    return JobLedger.open(place, LedgerStory.CLOCK, CommitWatch.NONE, SEGMENT_BYTES);
  }

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
    try (JobLedger ledger = open(place)) {
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
  void theSpareSegmentThatCouldNotBeMadeIsMadeLater() throws IOException {
    LedgerPlace place =
        new LedgerPlace(FailingFiles.SCHEME + ":file:", directory.resolve("ledger"));
    try (JobLedger ledger = open(place)) {
      new LedgerStory(ledger, Map.of(), new Random(1)).next();
      ledger.tidy();
      assertThat(ledger.fault()).isEmpty();
    }
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
      return open(place);
    } catch (LedgerException refused) {
      assertThat(refused).hasMessageContaining("Input/output error");
      return open(place);
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
