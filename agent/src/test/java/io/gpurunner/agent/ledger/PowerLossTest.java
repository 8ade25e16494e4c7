package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.disk.LedgerDisk;
import io.gpurunner.agent.run.MovableClock;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * Whatever a power cut leaves of what was not synced, the ledger opens, and every commit that was
 * answered is there; also on a disk where a sync fails now and then, and what it should have
 * written is never tried again. {@code -Dgpurunner.cuts=n} makes more cuts ({@code make
 * cut-ledger}).
 */
class PowerLossTest {
  private static final int CUTS = Integer.getInteger("gpurunner.cuts", 3_000);
  private static final long FIRST_SEED = Long.getLong("gpurunner.cuts.seed", 1);

  /** Cuts of one ledger's life, each with others that follow it. */
  private static final int CUTS_A_STORY = 50;

  private static final int COMMITS = 40;

  /** From one for each commit, over some for a few, to one that is never full. */
  private static final int[] SEGMENT_BYTES = {512, 4_096, 20_000, 200_000};

  /** Power comes back, the agent starts, and power fails again, so often at most. */
  private static final int CUTS_IN_A_ROW = 3;

  /** In every other ledger's life, one commit of so many, and its end, meets failing syncs. */
  private static final int FAILURES = 10;

  /** Who write at a time, so that groups have more than one commit. */
  private static final int WRITERS = 4;

  private static final int CUTS_OF_GROUPS = 100;

  /** Past the pause before a file is written anew once more. */
  private static final Duration A_WHILE = Duration.ofMinutes(2);

  /** So many syncs pass before they fail, at most; and so many fail in a row. */
  private static final int FAILURE_LENGTH = 4;

  private final MovableClock clock = new MovableClock();
  private int made;
  private int failed;
  private int segmentBytes = LedgerDisk.SEGMENT_BYTES;

  /**
   * What a ledger must hold from some step of its disk on.
   *
   * @param refused whether the commit before it was refused, so that it may have been there for a
   *     while
   */
  private record Answered(int step, LedgerStory.Content content, boolean refused) {
    Answered(int step, LedgerStory.Content content) {
      this(step, content, false);
    }
  }

  @Test
  void everyCommitThatWasAnsweredIsThereAfterAPowerCutAtAnyPoint() {
    long seed = FIRST_SEED;
    for (; made < CUTS; seed++) {
      tell(seed);
    }
    assertThat(failed).as("commits that met a failing disk").isPositive();
    System.out.printf(
        "%d power cuts in %d ledgers' lives, %d commits refused by a failing disk, nothing lost%n",
        made, seed - FIRST_SEED, failed);
  }

  private void tell(long seed) {
    Random random = new Random(seed);
    segmentBytes = SEGMENT_BYTES[random.nextInt(SEGMENT_BYTES.length)];
    try (CutDisk disk = new CutDisk()) {
      List<Answered> answers = write(disk, LedgerStory.Content.EMPTY, COMMITS, random);
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

  private List<Answered> write(
      CutDisk disk, LedgerStory.Content known, int commits, Random random) {
    List<Answered> answers = new ArrayList<>();
    answers.add(new Answered(0, known));
    int restartAt = random.nextInt(2 * commits + 1);
    int failures = random.nextBoolean() ? FAILURES : Integer.MAX_VALUE;
    LedgerStory.Content content = known;
    for (int from = 0; from < commits; ) {
      int to = from < restartAt && restartAt < commits ? restartAt : commits;
      try (JobLedger ledger = openAtLast(disk)) {
        answers.add(new Answered(disk.stepCount(), content));
        for (; from < to; from++) {
          failSyncs(disk, failures, random);
          int failedBefore = failed;
          content = commit(ledger, content, random);
          answers.add(new Answered(disk.stepCount(), content, failed > failedBefore));
        }
        failSyncs(disk, failures, random);
      }
    }
    return answers;
  }

  private static void failSyncs(CutDisk disk, int oneOf, Random random) {
    if (random.nextInt(oneOf) == 0) {
      disk.failSyncs(random.nextInt(FAILURE_LENGTH), 1 + random.nextInt(FAILURE_LENGTH));
    }
  }

  /**
   * One more commit.
   *
   * @return what the ledger must hold then
   */
  private LedgerStory.Content commit(JobLedger ledger, LedgerStory.Content known, Random random) {
    LedgerStory story = new LedgerStory(ledger, known.jobs(), random);
    try {
      story.next();
      return LedgerStory.Content.of(ledger);
    } catch (LedgerException refused) {
      failed++;
      // The disk fails for a while only; whether that commit is there is then known.
      for (int i = 0; i <= FAILURE_LENGTH && ledger.fault().isPresent(); i++) {
        clock.advance(A_WHILE);
        ledger.probe();
      }
      assertThat(ledger.fault()).isEmpty();
      LedgerStory.Content found = LedgerStory.Content.of(ledger);
      assertThat(LedgerStory.changedJobs(known.jobs(), found.jobs()))
          .as("jobs that the refused commit changed")
          .isBetween(0L, 1L);
      return found;
    }
  }

  private JobLedger openAtLast(CutDisk disk) {
    for (int i = 0; i < FAILURE_LENGTH; i++) {
      try {
        return open(disk);
      } catch (LedgerException refused) {
        assertThat(LedgerException.rootOf(refused)).hasMessageContaining("Input/output error");
      }
      clock.advance(A_WHILE);
    }
    return open(disk);
  }

  private JobLedger open(CutDisk disk) {
    return JobLedger.open(disk.place(), clock, CommitWatch.NONE, segmentBytes);
  }

  /** A snapshot is written, named, and then others and old segments go. */
  @Test
  void aSnapshotThatIsCutOffAtAnyStepCostsNothing() {
    segmentBytes = SEGMENT_BYTES[1];
    Random random = new Random(1);
    try (CutDisk disk = new CutDisk()) {
      List<Answered> answers = write(disk, LedgerStory.Content.EMPTY, COMMITS, random);
      List<CutDisk.Step> steps = disk.stepsDone();
      List<Integer> cuts =
          IntStream.range(0, steps.size()).filter(at -> isOfASnapshot(steps, at)).boxed().toList();
      assertThat(cuts).hasSizeGreaterThan(20);
      for (int cut : cuts) {
        cutAndLook(disk, answers, random, 1, cut);
      }
    }
  }

  /** Whether a snapshot is being written there, or something that it replaces was just removed. */
  private static boolean isOfASnapshot(List<CutDisk.Step> steps, int at) {
    return steps.subList(Math.max(0, at - 3), Math.min(steps.size(), at + 3)).stream()
        .anyMatch(
            step ->
                switch (step) {
                  case CutDisk.Step.Name name -> name.name().contains("/snapshot-");
                  case CutDisk.Step.Rename rename -> rename.to().contains("/snapshot-");
                  case CutDisk.Step.Remove _ -> true;
                  default -> false;
                });
  }

  private void cutAndLook(CutDisk disk, List<Answered> answers, Random random, int cutsInARow) {
    cutAndLook(disk, answers, random, cutsInARow, random.nextInt(disk.stepCount() + 1));
  }

  private void cutAndLook(
      CutDisk disk, List<Answered> answers, Random random, int cutsInARow, int step) {
    made++;
    int newest = 0;
    while (newest + 1 < answers.size() && answers.get(newest + 1).step() <= step) {
      newest++;
    }
    // The commit under way at the cut may be there or not.
    List<LedgerStory.Content> possible = new ArrayList<>(List.of(answers.get(newest).content()));
    if (newest + 1 < answers.size()) {
      possible.add(answers.get(newest + 1).content());
    }
    try (CutDisk left = disk.afterCut(step, random)) {
      LedgerStory.Content found;
      try (JobLedger ledger = open(left)) {
        found = LedgerStory.Content.of(ledger);
        if (newest + 1 < answers.size() && answers.get(newest + 1).refused()) {
          assertThat(LedgerStory.changedJobs(answers.get(newest).content().jobs(), found.jobs()))
              .as("jobs that the refused commit changed")
              .isBetween(0L, 1L);
        } else {
          assertThat(found).isIn(possible);
        }
        requireRest(ledger, found);
      }
      if (cutsInARow > 1) {
        List<Answered> more = write(left, found, random.nextInt(4), random);
        more.add(new Answered(left.stepCount(), more.getLast().content()));
        cutAndLook(left, more, random, cutsInARow - 1);
      }
    }
  }

  /** What one of several who write at a time was answered. */
  private record Told(int step, LedgerStory.Answer answer) {}

  @Test
  void everyCommitOfAGroupIsThereAfterAPowerCutAtAnyPoint() throws InterruptedException {
    segmentBytes = SEGMENT_BYTES[2];
    Queue<Told> told = new ConcurrentLinkedQueue<>();
    try (CutDisk disk = new CutDisk()) {
      int opened;
      try (JobLedger ledger = open(disk)) {
        opened = disk.stepCount();
        List<Thread> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
          LedgerStory story = new LedgerStory(ledger, Map.of(), new Random(i), i, WRITERS);
          writers.add(
              Thread.startVirtualThread(
                  () -> {
                    for (int commit = 0; commit < COMMITS; commit++) {
                      LedgerStory.Answer answer = story.next();
                      told.add(new Told(disk.stepCount(), answer));
                    }
                  }));
        }
        for (Thread writer : writers) {
          writer.join();
        }
      }
      assertThat(told).hasSize(WRITERS * COMMITS);
      assertThat(disk.stepsDone().stream().filter(CutDisk.Step.Sync.class::isInstance))
          .as("fewer syncs than commits: there were groups")
          .hasSizeLessThan(WRITERS * COMMITS);
      Random random = new Random(1);
      for (int i = 0; i < CUTS_OF_GROUPS; i++) {
        int step = opened + random.nextInt(disk.stepCount() - opened);
        try (CutDisk left = disk.afterCut(step, random);
            JobLedger ledger = open(left)) {
          LedgerStory.Content found = LedgerStory.Content.of(ledger);
          requireHolds(found, told.stream().filter(one -> one.step() <= step).toList());
          requireRest(ledger, found);
        }
      }
    }
  }

  private static void requireHolds(LedgerStory.Content found, List<Told> told) {
    Map<JobId, Job> last = new HashMap<>();
    for (Told one : told) {
      one.answer()
          .job()
          .ifPresent(job -> last.merge(job.id(), job, (a, b) -> a.version() > b.version() ? a : b));
    }
    for (Job job : last.values()) {
      Job now = found.jobs().get(job.id());
      if (now == null) {
        // Another writer removes what is swept; that it was swept may not have been answered yet.
        assertThat(job.files()).as(job + " is gone").isNotEqualTo(JobFiles.KEPT);
      } else if (now.version() == job.version()) {
        assertThat(now).isEqualTo(job);
      } else {
        assertThat(now.version()).isGreaterThan(job.version());
      }
    }
    for (Told one : told) {
      one.answer().key().ifPresent(key -> requireKey(found, key, one.answer()));
      one.answer().callback().ifPresent(callback -> requireTry(found, callback));
    }
  }

  private static void requireKey(LedgerStory.Content found, String key, LedgerStory.Answer answer) {
    JobId id = answer.job().orElseThrow().id();
    if (found.jobs().containsKey(id)) {
      assertThat(found.keys()).containsEntry(key, id);
    }
  }

  private static void requireTry(LedgerStory.Content found, LedgerStory.Callback tried) {
    LedgerStory.Callback now = found.callbacks().get(tried.delivery());
    if (now != null) {
      assertThat(now.tries()).isGreaterThanOrEqualTo(tried.tries());
    } else if (found.jobs().containsKey(tried.job())) {
      // Its upload was resumed, and that end is told of in its place.
      assertThat(found.callbacks().values())
          .extracting(LedgerStory.Callback::job)
          .contains(tried.job());
    }
  }

  /** Leases, keys, callbacks and history go with the jobs. */
  private static void requireRest(JobLedger ledger, LedgerStory.Content content) {
    Map<GpuUuid, JobId> leases = new HashMap<>();
    for (Job job : content.jobs().values()) {
      if (job.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> leases.put(gpu, job.id()));
      }
    }
    assertThat(ledger.leases()).isEqualTo(leases);
    assertThat(content.jobs().keySet()).containsAll(content.keys().values());
    List<JobId> told =
        content.callbacks().values().stream()
            .filter(callback -> !callback.status().equals("SUPERSEDED"))
            .map(LedgerStory.Callback::job)
            .toList();
    assertThat(told).doesNotHaveDuplicates();
    for (Job job : content.jobs().values()) {
      assertThat(!owesCallback(job) || told.contains(job.id())).as(job + " is told of").isTrue();
      assertThat(ledger.history(job.id(), 100)).isNotEmpty();
    }
  }

  private static boolean owesCallback(Job job) {
    return (job.state() instanceof JobState.Succeeded || job.state() instanceof JobState.Failed)
        && job.request().callbackUrl().isPresent();
  }
}
