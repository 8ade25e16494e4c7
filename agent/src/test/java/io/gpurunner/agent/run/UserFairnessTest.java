package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.job.Setback;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Tests what jobs of one user cost another in the queue: turns, and what one user may have. */
final class UserFairnessTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final String RTX = "NVIDIA GeForce RTX 3090";
  private static final String H200 = "NVIDIA H200";
  private static final DiskSpace PLENTY = new DiskSpace(Long.MAX_VALUE / 4, false, 0);

  private final List<Job> queue = new ArrayList<>();
  private final List<Job> holding = new ArrayList<>();
  private final UserTurns turns = new UserTurns();
  private UserLimits limits = UserLimits.DEFAULT;
  private List<GpuDevice> devices = List.of(device(0, RTX));
  private long sequence;

  private static GpuDevice device(int ordinal, String name) {
    return GpuDevice.free(new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30);
  }

  private Job comes(String user, Requests request) {
    Job job = job(user, request, new JobState.Queued(1), Optional.empty());
    queue.add(job);
    return job;
  }

  private List<Job> come(int count, String user, Requests request) {
    return IntStream.range(0, count).mapToObj(_ -> comes(user, request)).toList();
  }

  private Job job(String user, Requests request, JobState state, Optional<Setback> setback) {
    sequence++;
    return new Job(
        JobId.random(),
        user,
        sequence,
        1,
        T,
        request.build(),
        state,
        Optional.empty(),
        setback,
        JobFiles.KEPT,
        List.of());
  }

  private Placement.Decision decide() {
    queue.forEach(turns::sees);
    return Placement.decide(
        queue,
        new Placement.Machine(
            new GpuSnapshot(T, devices, Optional.empty()),
            holding,
            PLENTY,
            Placement.Closed.NO,
            T,
            limits,
            turns));
  }

  /** Makes a round, and lets what starts hold what it got. */
  private List<Job> round() {
    Placement.Decision decision = decide();
    decision.turns().forEach(turns::had);
    for (Placement.Start start : decision.starts()) {
      queue.remove(start.job());
      holding.add(placed(start.job(), start.gpus()));
    }
    return decision.starts().stream().map(Placement.Start::job).toList();
  }

  private static Job placed(Job job, List<GpuUuid> gpus) {
    return new Job(
        job.id(),
        job.user(),
        job.sequence(),
        2,
        T,
        job.request(),
        new JobState.Preparing(1, gpus),
        Optional.empty(),
        Optional.empty(),
        JobFiles.KEPT,
        List.of());
  }

  /** Makes rounds in each of which all that ran has ended. Returns who started, in order. */
  private List<String> usersOf(int rounds) {
    List<String> users = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      holding.clear();
      round().forEach(job -> users.add(job.user()));
    }
    return users;
  }

  private static String reason(Placement.Decision decision, Job job) {
    return Optional.ofNullable(decision.waiting().get(job.id()))
        .map(Placement.Waiting::reason)
        .orElse("starts");
  }

  // ---- turns

  @Test
  void thousandsOfJobsOfOneUserCostAnotherOneTurn() {
    come(1_000, "flood", Requests.simple());
    Job polite = comes("polite", Requests.simple());
    assertThat(decide().waiting().get(polite.id()))
        .extracting(Placement.Waiting::position)
        .isEqualTo(1);
    assertThat(usersOf(4)).containsExactly("flood", "polite", "flood", "flood");
  }

  @Test
  void aUserWithOneJobAtATimeHasEachSecondTurn() {
    come(1_000, "flood", Requests.simple());
    List<String> started = new ArrayList<>();
    for (int round = 0; round < 6; round++) {
      if (queue.stream().noneMatch(job -> job.user().equals("polite"))) {
        comes("polite", Requests.simple());
      }
      started.addAll(usersOf(1));
    }
    assertThat(started).containsExactly("flood", "polite", "flood", "polite", "flood", "polite");
  }

  /** A user who comes back at once would else be the first each time. */
  @Test
  void aUserWhoHadHisTurnIsBehindThoseWhoHadNone() {
    comes("ann", Requests.simple());
    assertThat(usersOf(1)).containsExactly("ann");
    come(2, "bob", Requests.simple());
    come(2, "cat", Requests.simple());
    comes("ann", Requests.simple());
    assertThat(usersOf(5)).containsExactly("bob", "cat", "ann", "bob", "cat");
  }

  @Test
  void usersTakeTurnsOnlyAmongEquals() {
    Job low = comes("polite", Requests.simple().priority(-1));
    List<Job> flood = come(3, "flood", Requests.simple());
    assertThat(decide().order()).containsExactly(flood.get(0), flood.get(1), flood.get(2), low);
  }

  @Test
  void theOrderOfAUsersOwnJobsStays() {
    List<Job> ann = come(3, "ann", Requests.simple());
    List<Job> bob = come(2, "bob", Requests.simple());
    assertThat(decide().order())
        .containsExactly(ann.get(0), bob.get(0), ann.get(1), bob.get(1), ann.get(2));
  }

  /** What users see stays true: the queue starts in the order that the positions say. */
  @Test
  void positionsAreTheOrderInWhichJobsStartIfNoneComes() {
    come(4, "ann", Requests.simple());
    come(2, "bob", Requests.simple());
    come(3, "cat", Requests.simple());
    List<Job> order = decide().order();
    List<Job> started = new ArrayList<>();
    for (int round = 0; round < order.size(); round++) {
      holding.clear();
      started.addAll(round());
    }
    assertThat(started).isEqualTo(order);
  }

  @Test
  void eachKindOfGpuHasTurnsOfItsOwn() {
    devices = List.of(device(0, RTX), device(1, H200));
    Job waits = comes("ann", Requests.simple().gpus(1).type(RTX));
    Job first = comes("bob", Requests.simple().type(H200));
    Job second = comes("ann", Requests.simple().type(H200));
    assertThat(decide().order()).containsExactly(waits, first, second);
    assertThat(round()).containsExactly(waits, first);
  }

  @Test
  void aJobThatNothingLetsStartTakesNoTurnFromItsUsersOthers() {
    comes("ann", Requests.simple().gpus(8)); // the machine has one
    Job next = comes("ann", Requests.simple());
    Job other = comes("bob", Requests.simple());
    assertThat(decide().waiting()).doesNotContainKey(next.id()).containsKey(other.id());
    assertThat(usersOf(2)).containsExactly("ann", "bob");
  }

  @Test
  void onlySoManyTurnsAreRemembered() {
    for (int user = 0; user <= UserTurns.REMEMBERED_LIMIT; user++) {
      turns.had(new UserTurns.Line("user-" + user, 0, ""));
    }
    assertThat(turns.remembered()).isEqualTo(UserTurns.REMEMBERED_LIMIT);
  }

  // ---- limits

  private void rtx(int count) {
    devices = IntStream.range(0, count).mapToObj(ordinal -> device(ordinal, RTX)).toList();
  }

  @Test
  void aUserHasSoManyGpusAndHisNextJobSaysSo() {
    rtx(8);
    limits = new UserLimits(1_000, 64, OptionalInt.of(4), 32);
    List<Job> flood = come(6, "flood", Requests.simple());
    Job polite = comes("polite", Requests.simple());
    assertThat(round())
        .containsExactly(flood.get(0), polite, flood.get(1), flood.get(2), flood.get(3));
    Placement.Decision after = decide();
    assertThat(after.starts()).isEmpty();
    assertThat(after.waiting().get(flood.get(4).id()))
        .isEqualTo(
            new Placement.Waiting(
                1,
                "waits for flood's own jobs to end: he uses 4 GPUs and may use 4 at a time"
                    + " (limits.gpus), and it needs 1",
                WaitReason.LIMIT,
                false));
  }

  @Test
  void aLargeJobWithinItsUsersLimitIsNotPassedByHisSmallOnes() {
    rtx(8);
    limits = new UserLimits(1_000, 64, OptionalInt.of(4), 32);
    comes("ann", Requests.simple().gpus(2));
    round();
    Job large = comes("ann", Requests.simple().gpus(4));
    Job small = comes("ann", Requests.simple());
    Job other = comes("bob", Requests.simple().gpus(4));
    Placement.Decision decision = decide();
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(other);
    assertThat(reason(decision, large)).contains("he uses 2 GPUs and may use 4");
    assertThat(reason(decision, small))
        .isEqualTo("waits for a job of ann ahead of it, which comes first within his limits");
  }

  @Test
  void aUserHasSoManyPlacedJobs() {
    rtx(4);
    limits = new UserLimits(1_000, 2, OptionalInt.empty(), 32);
    List<Job> flood = come(3, "flood", Requests.simple());
    Job polite = comes("polite", Requests.simple());
    assertThat(round()).containsExactly(flood.get(0), polite, flood.get(1));
    assertThat(reason(decide(), flood.get(2)))
        .isEqualTo(
            "waits for flood's own jobs to end: 2 of them hold something, the most of one user at"
                + " a time (limits.placed-jobs)");
  }

  @Test
  void aUserHasSoManyJobsWithoutGpus() {
    limits = new UserLimits(1_000, 64, OptionalInt.empty(), 2);
    List<Job> flood = come(3, "flood", Requests.simple().gpus(0));
    Job polite = comes("polite", Requests.simple().gpus(0));
    assertThat(round()).containsExactly(flood.get(0), polite, flood.get(1));
    assertThat(reason(decide(), flood.get(2)))
        .isEqualTo(
            "waits for a place: 2 jobs without GPUs of flood are running, the most of one user at"
                + " a time (limits.jobs-without-gpus)");
  }

  /** The limit was lowered while the job waited. */
  @Test
  void aJobForMoreThanItsUserMayHaveHoldsBackNobody() {
    rtx(4);
    limits = new UserLimits(1_000, 64, OptionalInt.of(2), 32);
    Job large = comes("ann", Requests.simple().gpus(3));
    Job own = comes("ann", Requests.simple());
    Job other = comes("bob", Requests.simple());
    Placement.Decision decision = decide();
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(own, other);
    assertThat(reason(decision, large))
        .startsWith(
            "waits for a change of the configuration: it needs 3 GPUs, and one user may use 2");
  }

  @Test
  void nobodyStarvesWhileOthersComeWithoutEnd() {
    rtx(2);
    Job both = comes("ann", Requests.simple().gpus(2));
    List<Job> started = new ArrayList<>();
    for (int round = 0; round < 6; round++) {
      Stream.of("bob", "cat", "dan").forEach(user -> come(2, user, Requests.simple()));
      if (!holding.isEmpty()) {
        holding.removeFirst();
      }
      started.addAll(round());
    }
    assertThat(started).contains(both);
  }
}
