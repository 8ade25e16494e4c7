package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Whatever a power cut leaves of what was not synced, the ledger opens, and every commit that was
 * answered is there. {@code -Dgpurunner.cuts=n} makes more cuts ({@code make cut-ledger}).
 */
class PowerLossTest {
  private static final int CUTS = Integer.getInteger("gpurunner.cuts", 3_000);
  private static final long FIRST_SEED = Long.getLong("gpurunner.cuts.seed", 1);

  /** Cuts of one ledger's life, each with others that follow it. */
  private static final int CUTS_A_STORY = 50;

  private static final int COMMITS = 40;

  /** So small that a story has a compaction. */
  private static final long COMPACT_FROM_BYTES = 150_000;

  /** From none for any commit, over some for a few, to one that is never full. */
  private static final int[] JOURNAL_BYTES = {512, 4_096, 20_000, 200_000};

  /** Power comes back, the agent starts, and power fails again, so often at most. */
  private static final int CUTS_IN_A_ROW = 3;

  private int made;
  private LedgerSizes sizes = LedgerSizes.USUAL;

  /** What a ledger must hold from some step of its disk on. */
  private record Answered(int step, Map<JobId, Job> jobs) {}

  @Test
  void everyCommitThatWasAnsweredIsThereAfterAPowerCutAtAnyPoint() {
    long seed = FIRST_SEED;
    for (; made < CUTS; seed++) {
      tell(seed);
    }
    System.out.printf(
        "%d power cuts in %d ledgers' lives, nothing lost%n", made, seed - FIRST_SEED);
  }

  private void tell(long seed) {
    Random random = new Random(seed);
    sizes =
        new LedgerSizes(COMPACT_FROM_BYTES, JOURNAL_BYTES[random.nextInt(JOURNAL_BYTES.length)]);
    try (CutDisk disk = new CutDisk()) {
      List<Answered> answers = write(disk, Map.of(), COMMITS, random);
      for (int i = 0; i < CUTS_A_STORY && made < CUTS; i++) {
        long cut = random.nextLong();
        try {
          cutAndLook(disk, answers, new Random(cut), CUTS_IN_A_ROW);
        } catch (Throwable e) {
          throw new AssertionError("story " + seed + ", cut " + cut + ": " + e.getMessage(), e);
        }
      }
    }
  }

  private List<Answered> write(CutDisk disk, Map<JobId, Job> known, int commits, Random random) {
    List<Answered> answers = new ArrayList<>();
    answers.add(new Answered(0, known));
    int restartAt = random.nextInt(2 * commits + 1);
    Map<JobId, Job> jobs = known;
    for (int from = 0; from < commits; ) {
      int to = from < restartAt && restartAt < commits ? restartAt : commits;
      try (JobLedger ledger = open(disk)) {
        answers.add(new Answered(disk.stepCount(), jobs));
        LedgerStory story = new LedgerStory(ledger, jobs, random);
        for (; from < to; from++) {
          story.next();
          answers.add(new Answered(disk.stepCount(), story.jobs()));
        }
        jobs = story.jobs();
      }
    }
    return answers;
  }

  private JobLedger open(CutDisk disk) {
    return JobLedger.open(disk.place(), LedgerStory.CLOCK, sizes);
  }

  private void cutAndLook(CutDisk disk, List<Answered> answers, Random random, int cutsInARow) {
    made++;
    int step = random.nextInt(disk.stepCount() + 1);
    int newest = 0;
    while (newest + 1 < answers.size() && answers.get(newest + 1).step() <= step) {
      newest++;
    }
    // The commit under way at the cut may be there or not.
    List<Map<JobId, Job>> possible = new ArrayList<>(List.of(answers.get(newest).jobs()));
    if (newest + 1 < answers.size()) {
      possible.add(answers.get(newest + 1).jobs());
    }
    try (CutDisk left = disk.afterCut(step, random)) {
      Map<JobId, Job> found;
      try (JobLedger ledger = open(left)) {
        found = jobsOf(ledger);
        assertThat(found).isIn(possible);
        requireRest(ledger, found.values());
      }
      if (cutsInARow > 1) {
        List<Answered> more = write(left, found, random.nextInt(4), random);
        more.add(new Answered(left.stepCount(), more.getLast().jobs()));
        cutAndLook(left, more, random, cutsInARow - 1);
      }
    }
  }

  private static Map<JobId, Job> jobsOf(JobLedger ledger) {
    Map<JobId, Job> jobs = new HashMap<>();
    ledger.page(Optional.empty(), 1, 10 * COMMITS).forEach(job -> jobs.put(job.id(), job));
    return jobs;
  }

  /** Leases, callbacks and history go with the jobs. */
  private static void requireRest(JobLedger ledger, Collection<Job> jobs) {
    assertThat(ledger.leases()).isEqualTo(LiveJobs.leasesOf(jobs));
    assertThat(ledger.dueCallbacks(LedgerStory.CLOCK.instant(), 0, 10 * COMMITS))
        .extracting(PendingCallback::job)
        .containsExactlyInAnyOrderElementsOf(
            jobs.stream().filter(PowerLossTest::owesCallback).map(Job::id).toList());
    for (Job job : jobs) {
      assertThat(ledger.history(job.id(), 100)).hasSizeGreaterThan((int) job.version());
    }
  }

  private static boolean owesCallback(Job job) {
    return job.state() instanceof JobState.Succeeded && job.request().callbackUrl().isPresent();
  }
}
