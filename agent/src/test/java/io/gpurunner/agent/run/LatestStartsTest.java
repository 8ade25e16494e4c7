package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class LatestStartsTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final Duration GRACE = Duration.ofMinutes(1);
  private static final String RTX = "NVIDIA GeForce RTX 3090";
  private static final DiskSpace PLENTY = new DiskSpace(Long.MAX_VALUE / 4, false, 0);

  private final GpuDevice first = device(0, RTX);
  private final GpuDevice second = device(1, RTX);
  private final List<Job> queued = new ArrayList<>();
  private final List<Job> holding = new ArrayList<>();
  private DiskSpace disk = PLENTY;
  private Placement.Closed closed = Placement.Closed.NO;
  private long sequence;

  private static GpuDevice device(int ordinal, String name) {
    return GpuDevice.free(new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30);
  }

  private static Requests hours(int hours) {
    return Requests.simple().stopAfter(Duration.ofHours(hours));
  }

  private Job waits(Requests request) {
    return waits("ann", request);
  }

  private Job waits(String user, Requests request) {
    Job job = job(user, request, new JobState.Queued(1));
    queued.add(job);
    return job;
  }

  /** Adds a running job that stops after so many minutes from now. */
  private void runs(int minutes, GpuDevice... devices) {
    runs(Optional.of(T.plus(Duration.ofMinutes(minutes))), devices);
  }

  private void runs(Optional<Instant> deadline, GpuDevice... devices) {
    JobState running =
        new JobState.Running(1, uuids(devices), "boot", "container", "run", T, deadline);
    holding.add(job("ann", Requests.simple().gpus(devices.length), running));
  }

  private static List<GpuUuid> uuids(GpuDevice... devices) {
    return Stream.of(devices).map(GpuDevice::uuid).toList();
  }

  private Job job(String user, Requests request, JobState state) {
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
        Optional.empty(),
        JobFiles.KEPT,
        List.of());
  }

  private Map<JobId, Instant> starts(GpuDevice... devices) {
    Placement.Machine machine =
        new Placement.Machine(
            new GpuSnapshot(T, List.of(devices), Optional.empty()), holding, disk, closed, T);
    Placement.Decision decision = Placement.decide(queued, machine);
    return LatestStarts.of(decision.order(), machine, decision.waiting(), GRACE);
  }

  private static Instant at(int hours, int minutes) {
    return T.plus(Duration.ofHours(hours)).plus(Duration.ofMinutes(minutes));
  }

  @Test
  void aJobStartsAtTheLatestWhenTheRunningOneHasHadItsStopTimeAndItsGracePeriod() {
    runs(30, first);
    Job job = waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(job.id(), at(0, 31)));
  }

  @Test
  void eachJobBeforeItTakesItsWholeTimeInTheOrderOfTheQueue() {
    runs(30, first);
    Job later = waits(hours(1));
    Job sooner = waits(hours(2).priority(1).gracePeriod(Duration.ofMinutes(5)));

    assertThat(starts(first))
        .containsOnly(Map.entry(sooner.id(), at(0, 31)), Map.entry(later.id(), at(2, 36)));
  }

  @Test
  void aJobGetsTheGpusThatAreFreeFirstAndOneBehindItStartsNoEarlier() {
    runs(30, first);
    runs(90, second);
    Job both = waits(hours(1).gpus(2));
    Job one = waits(hours(1));

    assertThat(starts(first, second))
        .containsOnly(Map.entry(both.id(), at(1, 31)), Map.entry(one.id(), at(2, 32)));
  }

  @Test
  void aJobThatStartsNowHoldsItsGpuForItsWholeTime() {
    waits(hours(3));
    Job behind = waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(behind.id(), at(3, 1)));
  }

  @Test
  void aJobWithoutAStopTimeLeavesUnknownWhenThoseBehindItStart() {
    runs(30, first);
    Job endless = waits(Requests.simple());
    waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(endless.id(), at(0, 31)));
  }

  @Test
  void aRunningJobWithoutAStopTimeMattersOnlyToThoseThatNeedItsGpu() {
    runs(Optional.empty(), first);
    runs(30, second);
    Job one = waits(Requests.simple().stopAfter(Duration.ofHours(1)));
    waits(hours(1).gpus(2));
    waits(hours(1));

    assertThat(starts(first, second)).containsExactly(Map.entry(one.id(), at(0, 31)));
  }

  @Test
  void aJobThatIsBeingStoppedHoldsItsGpuUntilItIsKilled() {
    holding.add(job("ann", Requests.simple(), stopping(Optional.of(T.plusSeconds(20)))));
    Job job = waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(job.id(), T.plusSeconds(20)));
  }

  /** Its GPU comes free any moment. A time that has passed would be no answer. */
  @Test
  void whatShouldHaveEndedIsExpectedToEndNow() {
    holding.add(job("ann", Requests.simple(), stopping(Optional.of(T.minusSeconds(20)))));
    Job job = waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(job.id(), T));
  }

  private JobState stopping(Optional<Instant> killAt) {
    return new JobState.Stopping(
        1,
        uuids(first),
        Optional.of("container"),
        Optional.of("boot"),
        new Ending.TimeUp(),
        T.minusSeconds(60),
        Optional.of(T.minusSeconds(90)),
        killAt,
        Optional.empty());
  }

  @Test
  void aJobThatIsBeingPreparedHoldsItsGpuForItsWholeTime() {
    holding.add(job("ann", hours(1), new JobState.Pulling(1, uuids(first))));
    Job job = waits(hours(1));

    assertThat(starts(first)).containsExactly(Map.entry(job.id(), at(1, 1)));
  }

  @Test
  void jobsOfOtherTypesDoNotMatter() {
    GpuDevice other = device(2, "NVIDIA H200");
    runs(30, first);
    runs(Optional.empty(), other);
    waits(hours(1).type("NVIDIA-H200"));
    Job job = waits(hours(1));

    assertThat(starts(first, other)).containsExactly(Map.entry(job.id(), at(0, 31)));
  }

  @Test
  void whoWaitsForMoreGpusThanAreInServiceLeavesAllBehindItUnknown() {
    runs(30, first);
    waits(hours(1).gpus(2));
    waits(hours(1));

    assertThat(starts(first, second.withFault(GpuDevice.Presence.READABLE, "broken"))).isEmpty();
  }

  @Test
  void aHeldGpuThatIsOutOfServiceIsNotWaitedFor() {
    GpuDevice broken = second.withFault(GpuDevice.Presence.READABLE, "broken");
    runs(30, first);
    runs(10, broken);
    Job job = waits(hours(1));

    assertThat(starts(first, broken)).containsExactly(Map.entry(job.id(), at(0, 31)));
  }

  @Test
  void aMachineThatStartsNoContainerLeavesAllUnknown() {
    runs(30, first);
    waits(hours(1));
    closed =
        new Placement.Closed(
            Optional.of("Docker is not there"), Optional.empty(), Map.of(), Map.of());

    assertThat(starts(first)).isEmpty();
  }

  @Test
  void aJobForWhichTheDiskMayBeTooSmallByThenLeavesItAndThoseBehindItUnknown() {
    runs(30, first);
    Job fits = waits(hours(1).volumes(100));
    waits(hours(1).volumes(100));
    waits(hours(1).volumes(1));
    disk = new DiskSpace(500_000_000, false, 0); // the running job has 200 MB of them

    assertThat(starts(first)).containsExactly(Map.entry(fits.id(), at(0, 31)));
  }

  @Test
  void aJobWithoutGpusHasNoSuchTime() {
    for (int place = 0; place < UserLimits.DEFAULT.jobsWithoutGpus() + 1; place++) {
      waits(hours(1).gpus(0));
    }

    assertThat(starts()).isEmpty();
  }

  @Test
  void theJobOfAUserWhoseTurnItIsIsNotBehindAllJobsOfAnother() {
    runs(30, first);
    Job ofAnn = waits(hours(1));
    Job secondOfAnn = waits(hours(1));
    Job ofBob = waits("bob", hours(1));

    assertThat(starts(first))
        .containsOnly(
            Map.entry(ofAnn.id(), at(0, 31)),
            Map.entry(ofBob.id(), at(1, 32)),
            Map.entry(secondOfAnn.id(), at(2, 33)));
  }

  /**
   * Lets the queue run as {@link Placement} decides, with jobs that end whenever they like before
   * their time is over. No job may start later than was ever said.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void noJobStartsLaterThanWasSaid(long seed) {
    Random random = new Random(seed);
    List<GpuDevice> devices = new ArrayList<>();
    for (int ordinal = 0; ordinal < 6; ordinal++) {
      devices.add(device(ordinal, ordinal % 2 == 0 ? RTX : "NVIDIA H200"));
    }
    for (int count = 0; count < 40; count++) {
      Requests request = random.nextInt(12) == 0 ? Requests.simple() : hours(1 + random.nextInt(5));
      waits(
          List.of("ann", "bob", "cat").get(random.nextInt(1 + random.nextInt(3))),
          request
              .gpus(1 + random.nextInt(3))
              .priority(random.nextInt(2))
              .type(random.nextBoolean() ? RTX : "NVIDIA H200"));
    }
    UserTurns turns = new UserTurns();
    queued.forEach(turns::sees);
    Map<JobId, Instant> said = new HashMap<>();
    Map<JobId, Instant> ends = new HashMap<>();
    Instant now = T;
    while (!queued.isEmpty()) {
      Placement.Machine machine =
          new Placement.Machine(
              new GpuSnapshot(now, devices, Optional.empty()),
              holding,
              disk,
              closed,
              now,
              UserLimits.DEFAULT,
              turns);
      Placement.Decision decision = Placement.decide(queued, machine);
      decision.turns().forEach(turns::had);
      LatestStarts.of(decision.order(), machine, decision.waiting(), GRACE)
          .forEach(
              (id, at) -> said.merge(id, at, (one, other) -> one.isBefore(other) ? one : other));
      for (Placement.Start start : decision.starts()) {
        Job job = start.job();
        assertThat(said.getOrDefault(job.id(), Instant.MAX)).isAfterOrEqualTo(now);
        queued.remove(job);
        Optional<Duration> limit =
            job.request().stopRule() instanceof StopRule.After after
                ? Optional.of(after.limit())
                : Optional.empty();
        holding.add(running(job, start.gpus(), now, limit.map(now::plus)));
        long most = limit.orElse(Duration.ofHours(9)).plus(GRACE).toMinutes();
        ends.put(job.id(), now.plus(Duration.ofMinutes(1 + random.nextLong(most))));
      }
      Instant next = ends.values().stream().min(Instant::compareTo).orElseThrow();
      ends.values().removeIf(next::equals);
      holding.removeIf(job -> !ends.containsKey(job.id()));
      now = next;
    }
    assertThat(said).isNotEmpty();
  }

  private static Job running(Job job, List<GpuUuid> gpus, Instant now, Optional<Instant> deadline) {
    return new Job(
        job.id(),
        job.user(),
        job.sequence(),
        2,
        T,
        job.request(),
        new JobState.Running(1, gpus, "boot", "container", "run", now, deadline),
        Optional.empty(),
        Optional.empty(),
        JobFiles.KEPT,
        List.of());
  }
}
