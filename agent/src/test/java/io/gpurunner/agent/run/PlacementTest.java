package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuHealth;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PlacementTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final String RTX = "NVIDIA GeForce RTX 3090";
  private static final String H200 = "NVIDIA H200";
  private static final DiskSpace PLENTY = new DiskSpace(Long.MAX_VALUE / 4, false, 0);
  private static final Optional<String> HEALTHY = Optional.empty();

  private long sequence;

  private Job queued(Requests request) {
    return queued("ann", request);
  }

  private Job queued(String user, Requests request) {
    return job(user, request, new JobState.Queued(1));
  }

  private Job placed(String user, Requests request, GpuDevice... devices) {
    List<GpuUuid> gpus = Stream.of(devices).map(GpuDevice::uuid).toList();
    return job(user, request.gpus(gpus.size()), new JobState.Preparing(1, gpus));
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

  private List<Job> times(int count, Supplier<Job> job) {
    return Stream.generate(job).limit(count).toList();
  }

  private static GpuDevice device(int ordinal, String name) {
    return device(ordinal, name, List.of(), HEALTHY, GpuDevice.Presence.READABLE);
  }

  private static GpuDevice device(
      int ordinal,
      String name,
      List<GpuProcess> processes,
      Optional<String> fault,
      GpuDevice.Presence presence) {
    GpuDevice free = GpuDevice.free(new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30);
    GpuDevice used = free.withUse(free.memory(), processes);
    return fault.map(why -> used.withFault(presence, why)).orElse(used);
  }

  /** Returns a device that a foreign process uses. */
  private static GpuDevice used(int ordinal) {
    return device(
        ordinal, RTX, List.of(new GpuProcess(4711, 1 << 20)), HEALTHY, GpuDevice.Presence.READABLE);
  }

  private static Placement.Machine machine(GpuDevice... devices) {
    return machine(List.of(), devices);
  }

  private static Placement.Machine machine(List<Job> holding, GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), HEALTHY), holding, PLENTY, Placement.Closed.NO, T);
  }

  private static Placement.Machine machine(
      List<Job> holding, UserLimits limits, GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), HEALTHY),
        holding,
        PLENTY,
        Placement.Closed.NO,
        T,
        limits,
        new UserTurns());
  }

  private static List<Job> starts(Placement.Decision decision) {
    return decision.starts().stream().map(Placement.Start::job).toList();
  }

  private static String reason(Placement.Decision decision, Job job) {
    return Optional.ofNullable(decision.waiting().get(job.id()))
        .map(Placement.Waiting::reason)
        .orElse("starts");
  }

  private static Placement.Machine machine(Placement.Closed closed, GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), HEALTHY), List.of(), PLENTY, closed, T);
  }

  /** After a start of the agent, each GPU is tried first. That must not cost a job its place. */
  @Test
  void aGpuThatIsOnlyToBeTriedKeepsItsPlaceForTheJobThatWaitsForIt() {
    GpuDevice first = device(0, RTX);
    GpuDevice second = device(1, RTX);
    Job both = queued(Requests.simple().gpus(2));
    Job one = queued(Requests.simple());
    Placement.Closed unseen =
        new Placement.Closed(
            Optional.empty(), Optional.empty(), Map.of(), Map.of(second.uuid(), "not seen yet"));
    Placement.Decision decision =
        Placement.decide(List.of(both, one), machine(unseen, first, second));
    assertThat(starts(decision)).isEmpty();
    assertThat(reason(decision, both)).contains("1 free, 1 being tried (not seen yet)");
    assertThat(reason(decision, one)).contains("behind a job ahead of it");
    Placement.Closed refused =
        new Placement.Closed(
            Optional.empty(), Optional.empty(), Map.of(second.uuid(), "no device"), Map.of());
    assertThat(starts(Placement.decide(List.of(both, one), machine(refused, first, second))))
        .containsExactly(one);
  }

  @Test
  void aQuarantinedGpuIsHandedToNobodyAndASuspectOneLast() {
    GpuHealth damaged =
        GpuHealth.HEALTHY.after(List.of(new GpuHealth.Sign(GpuHealth.Level.DAMAGE, "XID 48")), T);
    GpuHealth hot =
        GpuHealth.HEALTHY.after(List.of(new GpuHealth.Sign(GpuHealth.Level.WATCH, "hot")), T);
    GpuDevice[] devices = {
      device(0, RTX).withHealth(damaged), device(1, RTX).withHealth(hot), device(2, RTX)
    };
    Job first = queued(Requests.simple());
    Job second = queued(Requests.simple());
    Job third = queued(Requests.simple());
    Placement.Decision decision = Placement.decide(List.of(first, second, third), machine(devices));
    assertThat(decision.starts())
        .containsExactly(
            new Placement.Start(first, List.of(devices[2].uuid())),
            new Placement.Start(second, List.of(devices[1].uuid())));
    assertThat(reason(decision, third)).contains("1 unfit (GPU 0 (GPU-0): quarantined: XID 48)");
  }

  @Test
  void jobsStartInOrderOfPriorityThenArrivalOnTheLowestFreeDevices() {
    Job first = queued(Requests.simple());
    Job urgent = queued(Requests.simple().priority(5));
    Placement.Decision decision =
        Placement.decide(List.of(first, urgent), machine(device(0, RTX), device(1, RTX)));
    assertThat(starts(decision)).containsExactly(urgent, first);
    assertThat(decision.starts().getFirst().gpus()).containsExactly(new GpuUuid("GPU-0"));
    assertThat(decision.waiting()).isEmpty();
  }

  @Test
  void aJobThatWaitsHoldsBackItsTypeAndNoOther() {
    Job holder = placed("bob", Requests.simple(), device(1, RTX));
    Job large = queued(Requests.simple().gpus(2));
    Job small = queued(Requests.simple());
    Job other = queued(Requests.simple().type("nvidia_h200"));
    Job none = queued(Requests.simple().gpus(0).type(""));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, small, other, none),
            machine(List.of(holder), device(0, RTX), device(1, RTX), device(2, H200)));
    assertThat(starts(decision)).containsExactly(other, none);
    assertThat(decision.waiting().get(large.id()))
        .isEqualTo(
            new Placement.Waiting(
                1,
                "waits for 2 × NVIDIA-GeForce-RTX-3090: 1 free, 1 held by another job",
                WaitReason.GPUS,
                false));
    assertThat(decision.waiting().get(small.id()))
        .isEqualTo(
            new Placement.Waiting(
                2,
                "waits for NVIDIA-GeForce-RTX-3090 behind a job ahead of it",
                WaitReason.BEHIND,
                true));
  }

  @Test
  void aDeviceThatSomebodyElseUsesIsNotWaitedForByTheJobsBehind() {
    Job all = queued(Requests.simple().gpus(4));
    List<Job> singles = times(3, () -> queued(Requests.simple()));
    List<Job> queue = Stream.concat(Stream.of(all), singles.stream()).toList();
    Placement.Decision decision =
        Placement.decide(queue, machine(device(0, RTX), device(1, RTX), used(2), device(3, RTX)));
    assertThat(starts(decision)).isEqualTo(singles);
    assertThat(reason(decision, all))
        .isEqualTo(
            "waits for 4 × NVIDIA-GeForce-RTX-3090: 3 free, 1 in use by others than this agent's"
                + " jobs (GPU 2 (GPU-2): used by process 4711 (1 MiB)); this machine has only 3"
                + " that it can hand out, whichever jobs end, so jobs behind it go first");
  }

  @Test
  void aJobThatWasPassedOverHasItsPlaceAgainOnceTheDeviceIsBack() {
    Job all = queued(Requests.simple().gpus(3));
    Job later = placed("bob", Requests.simple(), device(0, RTX));
    Job next = queued(Requests.simple());
    GpuDevice[] devices = {device(0, RTX), device(1, RTX), device(2, RTX)};
    Placement.Decision decision =
        Placement.decide(List.of(all, next), machine(List.of(later), devices));
    assertThat(starts(decision)).isEmpty();
    assertThat(starts(Placement.decide(List.of(all, next), machine(devices)))).containsExactly(all);
  }

  @Test
  void processesOnALeasedDeviceAreItsJobsOwn() {
    Job holder = placed("bob", Requests.simple(), used(0));
    Job both = queued(Requests.simple().gpus(2));
    Job one = queued(Requests.simple());
    Placement.Decision decision =
        Placement.decide(List.of(both, one), machine(List.of(holder), used(0), device(1, RTX)));
    assertThat(starts(decision)).isEmpty();
    assertThat(reason(decision, both))
        .isEqualTo("waits for 2 × NVIDIA-GeForce-RTX-3090: 1 free, 1 held by another job");
  }

  @ParameterizedTest
  @EnumSource(GpuDevice.Presence.class)
  void aDeviceWithAFaultComesFreeForNobodyAlsoWhereAJobHoldsIt(GpuDevice.Presence presence) {
    GpuDevice faulty = device(9, RTX, List.of(), Optional.of("MIG mode is on"), presence);
    Job both = queued(Requests.simple().gpus(2));
    Job one = queued(Requests.simple());
    Job holder = placed("bob", Requests.simple(), faulty);
    for (List<Job> holding : List.of(List.<Job>of(), List.of(holder))) {
      Placement.Decision decision =
          Placement.decide(List.of(both, one), machine(holding, device(0, RTX), faulty));
      assertThat(starts(decision)).containsExactly(one);
      assertThat(reason(decision, both))
          .contains("MIG mode is on")
          .contains("only 1 that it can hand out, whichever jobs end");
    }
  }

  @Test
  void aDeviceInForeignUseOrFaultyIsNotHandedOutAndIsNamed() {
    GpuDevice broken =
        device(1, RTX, List.of(), Optional.of("ECC error"), GpuDevice.Presence.READABLE);
    Job job = queued(Requests.simple());
    Placement.Decision decision = Placement.decide(List.of(job), machine(used(0), broken));
    assertThat(decision.starts()).isEmpty();
    assertThat(reason(decision, job)).contains("0 free").contains("4711").contains("ECC error");
  }

  @Test
  void aLookThatFailedHandsOutNothingAndHoldsBackNoJobWithoutGpus() {
    Job job = queued(Requests.simple().volumes(1000));
    Job none = queued(Requests.simple().gpus(0).volumes(1000));
    Placement.Machine machine =
        new Placement.Machine(
            new GpuSnapshot(T, List.of(device(0, RTX)), Optional.of("driver not loaded")),
            List.of(),
            new DiskSpace(2_500_000_000L, false, 0),
            Placement.Closed.NO,
            T);
    Placement.Decision decision = Placement.decide(List.of(job, none), machine);
    assertThat(starts(decision)).containsExactly(none);
    assertThat(reason(decision, job)).contains("driver not loaded");
  }

  // ---- disk

  private static Placement.Machine withDisk(
      long freeBytes, List<Job> holding, GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), HEALTHY),
        holding,
        new DiskSpace(freeBytes, false, 0),
        Placement.Closed.NO,
        T);
  }

  @Test
  void aJobThatWaitsForDiskSpaceLetsThoseGoThatLeaveItEnough() {
    Job holder = placed("bob", Requests.simple().volumes(500));
    Job large = queued(Requests.simple().gpus(0).volumes(1000));
    Job medium = queued(Requests.simple().gpus(0).volumes(300));
    Job small = queued(Requests.simple().volumes(250));
    Job smallToo = queued(Requests.simple().volumes(10));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, medium, small, smallToo),
            withDisk(2_500_000_000L, List.of(holder), device(0, RTX), device(1, RTX)));
    // Once the holder has ended, 2500 MB are left for the large job and the ones that started.
    assertThat(starts(decision)).containsExactly(small);
    assertThat(reason(decision, large))
        .isEqualTo(
            "waits for disk space: it needs 2000 MB, 1500 MB are not promised to jobs that run or"
                + " are ahead of it");
    assertThat(reason(decision, medium)).contains("needs 600 MB, 500 MB are not promised");
    assertThat(reason(decision, smallToo)).contains("needs 20 MB, 0 MB are not promised");
  }

  @Test
  void whatStartedBehindAJobThatWaitsForDiskSpaceIsCountedInTheNextRounds() {
    Job holder = placed("bob", Requests.simple().volumes(500));
    Job large = queued(Requests.simple().gpus(0).volumes(1000));
    Job started = placed("bob", Requests.simple().volumes(200));
    Job next = queued(Requests.simple().gpus(0).volumes(100));
    Placement.Decision decision =
        Placement.decide(List.of(large, next), withDisk(2_500_000_000L, List.of(holder, started)));
    assertThat(starts(decision)).isEmpty();
    assertThat(reason(decision, next)).contains("needs 200 MB, 100 MB are not promised");
  }

  @Test
  void aJobThatWaitsForDiskSpaceHoldsBackNoGpus() {
    Job holder = placed("bob", Requests.simple().volumes(500));
    Job large = queued(Requests.simple().gpus(2).volumes(1000));
    Job small = queued(Requests.simple().volumes(10));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, small),
            withDisk(2_500_000_000L, List.of(holder), device(0, RTX), device(1, RTX)));
    assertThat(starts(decision)).containsExactly(small);
    assertThat(decision.waiting().get(large.id()))
        .matches(waiting -> waiting.kind() == WaitReason.DISK)
        .matches(Placement.Waiting::besideFreeGpus);
  }

  @Test
  void aJobWithoutGpusWaitsForAPlaceAndNotBesideFreeGpus() {
    List<Job> holders =
        IntStream.range(0, UserLimits.DEFAULT.jobsWithoutGpus())
            .mapToObj(_ -> placed("ann", Requests.simple().gpus(0).type("")))
            .toList();
    Job next = queued(Requests.simple().gpus(0).type(""));
    Placement.Decision decision = Placement.decide(List.of(next), machine(holders, device(0, RTX)));
    assertThat(decision.waiting().get(next.id()))
        .matches(waiting -> waiting.kind() == WaitReason.PLACE)
        .matches(waiting -> !waiting.besideFreeGpus());
  }

  @Test
  void aJobThatWaitsForGpusKeepsItsDiskSpace() {
    GpuDevice leased = device(0, RTX);
    Job holder = placed("bob", Requests.simple().volumes(1), leased);
    Job waits = queued(Requests.simple().volumes(1000));
    Job fits = queued(Requests.simple().gpus(0).volumes(200));
    Job doesNot = queued(Requests.simple().gpus(0).volumes(200));
    Placement.Decision decision =
        Placement.decide(
            List.of(waits, fits, doesNot), withDisk(2_500_000_000L, List.of(holder), leased));
    assertThat(starts(decision)).containsExactly(fits);
  }

  @Test
  void aJobThatNoEndOfOthersMakesRoomForHoldsBackNobody() {
    Job large = queued(Requests.simple().volumes(1000));
    Job small = queued(Requests.simple().volumes(10));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, small), withDisk(1_500_000_000L, List.of(), device(0, RTX)));
    assertThat(starts(decision)).containsExactly(small);
    assertThat(reason(decision, large))
        .contains("1500 MB are free above the agent's reserve, whichever jobs end");
  }

  @Test
  void aLocalStoreTakesTheModelOnceMore() {
    Job job = queued(Requests.simple().gpus(0).volumes(1000));
    assertThat(new DiskSpace(2_000_000_000L, false, 0).everFits(job.request())).isTrue();
    assertThat(new DiskSpace(2_000_000_000L, true, 0).everFits(job.request())).isFalse();
    assertThat(new DiskSpace(3_000_000_000L, true, 0).everFits(job.request())).isTrue();
    assertThat(new DiskSpace(3_000_000_000L, true, 1).everFits(job.request())).isFalse();
  }

  @Test
  void aJobThatUploadsToThisDiskIsPromisedItsArtifacts() {
    JobState.Uploading uploading =
        new JobState.Uploading(Optional.empty(), Optional.empty(), T, 0, T, Optional.empty());
    Job upload = job("bob", Requests.simple().gpus(0).volumes(1000), uploading);
    Job job = queued(Requests.simple().gpus(0).volumes(100));
    GpuSnapshot none = new GpuSnapshot(T, List.of(), HEALTHY);
    for (boolean here : List.of(true, false)) {
      Placement.Machine machine =
          new Placement.Machine(
              none,
              List.of(upload),
              new DiskSpace(1_200_000_000L, here, 0),
              Placement.Closed.NO,
              T);
      assertThat(starts(Placement.decide(List.of(job), machine)).isEmpty()).isEqualTo(here);
    }
  }

  // ---- places

  @Test
  void jobsWithoutGpusLeaveEveryPlaceToJobsWithGpus() {
    List<Job> running =
        IntStream.range(0, 64).mapToObj(i -> placed("user" + i % 2, Requests.simple())).toList();
    Job more = queued(Requests.simple().gpus(0));
    Job gpu = queued(Requests.simple());
    Placement.Decision decision =
        Placement.decide(List.of(more, gpu), machine(running, device(0, RTX)));
    assertThat(starts(decision)).containsExactly(gpu);
    assertThat(reason(decision, more))
        .isEqualTo("waits for a place: 64 jobs without GPUs are running, the most at a time");
  }

  @Test
  void jobsWithGpusTakeNoPlace() {
    GpuDevice[] devices =
        IntStream.range(0, 300).mapToObj(i -> device(i, RTX)).toArray(GpuDevice[]::new);
    List<Job> jobs = new ArrayList<>(times(300, () -> queued(Requests.simple())));
    List<Job> without = times(32, () -> queued(Requests.simple().gpus(0)));
    jobs.addAll(without);
    UserLimits all = new UserLimits(1, 400, OptionalInt.empty(), 32);
    assertThat(Placement.decide(jobs, machine(List.of(), all, devices)).waiting()).isEmpty();
    List<Job> running =
        Stream.of(devices).map(device -> placed("ann", Requests.simple(), device)).toList();
    assertThat(starts(Placement.decide(without, machine(running, all, devices))))
        .isEqualTo(without);
  }

  @Test
  void aUsersBurstLeavesPlacesToOthers() {
    List<Job> burst = times(200, () -> queued("ann", Requests.simple().gpus(0)));
    List<Job> others = times(40, () -> queued("bob", Requests.simple().gpus(0)));
    List<Job> queue = Stream.concat(burst.stream(), others.stream()).toList();
    Placement.Decision decision = Placement.decide(queue, machine());
    assertThat(starts(decision))
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(burst.stream().limit(32), others.stream().limit(32)).toList());
    assertThat(reason(decision, burst.getLast()))
        .isEqualTo(
            "waits for a place: 32 jobs without GPUs of ann are running, the most of one user at a"
                + " time (limits.jobs-without-gpus)");
  }

  @Test
  void aUsersOwnLimitHoldsBackNobodysDiskSpace() {
    List<Job> running = times(32, () -> placed("ann", Requests.simple().volumes(1)));
    Job over = queued("ann", Requests.simple().gpus(0).volumes(1000));
    Job other = queued("bob", Requests.simple().gpus(0).volumes(200));
    Placement.Decision decision =
        Placement.decide(List.of(over, other), withDisk(2_100_000_000L, running));
    assertThat(starts(decision)).containsExactly(other);
  }

  @Test
  void thePlaceOfAJobThatWaitsForDiskSpaceIsKept() {
    List<Job> running = times(31, () -> placed("ann", Requests.simple().volumes(50)));
    Job large = queued("ann", Requests.simple().gpus(0).volumes(1000));
    Job small = queued("ann", Requests.simple().gpus(0).volumes(1));
    // The 31 jobs are ahead of the large one, so their places are free once they have ended.
    assertThat(starts(Placement.decide(List.of(large, small), withDisk(4_000_000_000L, running))))
        .containsExactly(small);
    running = new ArrayList<>(running);
    running.addAll(times(32, () -> placed("bob", Requests.simple().volumes(50))));
    Job largeToo = queued("cat", Requests.simple().gpus(0).volumes(1000));
    Job smallToo = queued("cat", Requests.simple().gpus(0).volumes(1));
    assertThat(
            starts(
                Placement.decide(List.of(largeToo, smallToo), withDisk(8_000_000_000L, running))))
        .containsExactly(smallToo);
    List<Job> behind = times(31, () -> placed("ann", Requests.simple().volumes(50)));
    Placement.Decision decision =
        Placement.decide(List.of(large, small), withDisk(4_000_000_000L, behind));
    assertThat(starts(decision)).isEmpty();
    assertThat(reason(decision, small))
        .startsWith("waits for a place behind a job without GPUs ahead of it");
  }
}
