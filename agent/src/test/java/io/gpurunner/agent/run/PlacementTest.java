package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlacementTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final String RTX = "NVIDIA GeForce RTX 3090";
  private static final String H200 = "NVIDIA H200";
  private static final DiskSpace PLENTY = new DiskSpace(Long.MAX_VALUE / 4, 0, false);

  private long sequence;

  private Job queued(Requests request) {
    sequence++;
    return new Job(
        JobId.random(),
        "ann",
        sequence,
        1,
        T,
        request.build(),
        new JobState.Queued(1),
        Optional.empty(),
        JobFiles.KEPT);
  }

  private static GpuDevice device(int ordinal, String name) {
    return new GpuDevice(
        new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30, 0, List.of(), Optional.empty());
  }

  private static Placement.Machine machine(GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), Optional.empty()), Map.of(), 0, PLENTY);
  }

  private static String reason(Placement.Decision decision, Job job) {
    return Optional.ofNullable(decision.waiting().get(job.id()))
        .map(Placement.Waiting::reason)
        .orElse("starts");
  }

  @Test
  void jobsStartInOrderOfPriorityThenArrivalOnTheLowestFreeDevices() {
    Job first = queued(Requests.simple());
    Job urgent = queued(Requests.simple().priority(5));
    Placement.Decision decision =
        Placement.decide(List.of(first, urgent), machine(device(0, RTX), device(1, RTX)));
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(urgent, first);
    assertThat(decision.starts().getFirst().gpus()).containsExactly(new GpuUuid("GPU-0"));
    assertThat(decision.waiting()).isEmpty();
  }

  @Test
  void aJobThatWaitsHoldsBackItsTypeAndNoOther() {
    Job large = queued(Requests.simple().gpus(2));
    Job small = queued(Requests.simple());
    Job other = queued(Requests.simple().type("nvidia_h200"));
    Job none = queued(Requests.simple().gpus(0).type(""));
    GpuDevice leased = device(1, RTX);
    Placement.Machine machine =
        new Placement.Machine(
            new GpuSnapshot(T, List.of(device(0, RTX), leased, device(2, H200)), Optional.empty()),
            Map.of(leased.uuid(), JobId.random()),
            1,
            PLENTY);
    Placement.Decision decision = Placement.decide(List.of(large, small, other, none), machine);
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(other, none);
    assertThat(decision.waiting().get(large.id()))
        .isEqualTo(
            new Placement.Waiting(
                1, "waits for 2 × NVIDIA-GeForce-RTX-3090: 1 free, 1 held by another job"));
    assertThat(decision.waiting().get(small.id()))
        .isEqualTo(
            new Placement.Waiting(2, "waits behind a job ahead of it for NVIDIA-GeForce-RTX-3090"));
  }

  @Test
  void aJobThatTheWorkingDevicesNeverSufficeForHoldsBackNobody() {
    GpuDevice lost =
        new GpuDevice(
            new GpuUuid("GPU-9"),
            9,
            RTX,
            24L << 30,
            0,
            List.of(),
            Optional.of("fell off the bus"),
            GpuDevice.Presence.LOST);
    Job both = queued(Requests.simple().gpus(2));
    Job one = queued(Requests.simple());
    Placement.Decision decision =
        Placement.decide(List.of(both, one), machine(device(0, RTX), lost));
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(one);
    assertThat(reason(decision, both)).contains("only 1 that work, whichever jobs end");
  }

  @Test
  void aDeviceInForeignUseOrFaultyIsNotHandedOutAndIsNamed() {
    GpuDevice used =
        new GpuDevice(
            new GpuUuid("GPU-0"),
            0,
            RTX,
            24L << 30,
            0,
            List.of(new GpuProcess(4711, 1 << 20)),
            Optional.empty());
    GpuDevice broken =
        new GpuDevice(
            new GpuUuid("GPU-1"), 1, RTX, 24L << 30, 0, List.of(), Optional.of("ECC error"));
    Job job = queued(Requests.simple());
    Placement.Decision decision = Placement.decide(List.of(job), machine(used, broken));
    assertThat(decision.starts()).isEmpty();
    assertThat(reason(decision, job)).contains("0 free").contains("4711").contains("ECC error");
  }

  @Test
  void aLookThatFailedHandsOutNothingButLetsJobsWithoutGpusRun() {
    Job job = queued(Requests.simple());
    Job none = queued(Requests.simple().gpus(0));
    Placement.Machine machine =
        new Placement.Machine(
            new GpuSnapshot(T, List.of(device(0, RTX)), Optional.of("driver not loaded")),
            Map.of(),
            0,
            PLENTY);
    Placement.Decision decision = Placement.decide(List.of(job, none), machine);
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(none);
    assertThat(reason(decision, job)).contains("driver not loaded");
  }

  @Test
  void diskIsPromisedInOrder() {
    Job large = queued(Requests.simple().gpus(0).volumes(1000));
    Job small = queued(Requests.simple().gpus(0).volumes(10));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, small), withDisk(new DiskSpace(2_500_000_000L, 1_000_000_000L, false)));
    assertThat(decision.starts()).isEmpty();
    assertThat(reason(decision, large)).contains("needs 2000 MB, 1500 MB are not promised");
    assertThat(reason(decision, small)).contains("needs 20 MB, 0 MB are not promised");
  }

  @Test
  void aJobThatNoEndOfOthersMakesRoomForHoldsBackNobody() {
    Job large = queued(Requests.simple().volumes(1000));
    Job small = queued(Requests.simple().volumes(10));
    Placement.Decision decision =
        Placement.decide(
            List.of(large, small),
            withDisk(new DiskSpace(1_500_000_000L, 0, false), device(0, RTX)));
    assertThat(decision.starts()).extracting(Placement.Start::job).containsExactly(small);
    assertThat(reason(decision, large))
        .contains("1500 MB are free above the agent's reserve, whichever jobs end");
  }

  @Test
  void aLocalStoreTakesTheModelOnceMore() {
    Job job = queued(Requests.simple().gpus(0).volumes(1000));
    assertThat(new DiskSpace(2_000_000_000L, 0, false).everFits(job.request())).isTrue();
    assertThat(new DiskSpace(2_000_000_000L, 0, true).everFits(job.request())).isFalse();
    assertThat(new DiskSpace(3_000_000_000L, 0, true).everFits(job.request())).isTrue();
  }

  private static Placement.Machine withDisk(DiskSpace disk, GpuDevice... devices) {
    return new Placement.Machine(
        new GpuSnapshot(T, List.of(devices), Optional.empty()), Map.of(), 0, disk);
  }

  @Test
  void placesAreLimited() {
    Job job = queued(Requests.simple().gpus(0));
    Placement.Machine machine =
        new Placement.Machine(
            new GpuSnapshot(T, List.of(), Optional.empty()),
            Map.of(),
            Placement.PLACED_LIMIT,
            PLENTY);
    assertThat(reason(Placement.decide(List.of(job), machine), job))
        .contains("256 jobs are running");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void whateverIsQueuedNoDeviceIsGivenTwiceOrOfAnotherTypeAndNobodyIsForgotten(long seed) {
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      List<GpuDevice> devices = new ArrayList<>();
      Map<GpuUuid, JobId> leases = new HashMap<>();
      for (int i = 0; i < random.nextInt(9); i++) {
        GpuDevice device = device(i, random.nextBoolean() ? RTX : H200);
        devices.add(device);
        if (random.nextInt(3) == 0) {
          leases.put(device.uuid(), JobId.random());
        }
      }
      List<Job> jobs = new ArrayList<>();
      for (int i = 0; i < random.nextInt(12); i++) {
        jobs.add(
            queued(
                Requests.simple()
                    .gpus(random.nextInt(4))
                    .type(random.nextBoolean() ? RTX : "nvidia-h200")
                    .priority(random.nextInt(3))));
      }
      Placement.Decision decision =
          Placement.decide(
              jobs,
              new Placement.Machine(
                  new GpuSnapshot(T, devices, Optional.empty()), leases, 0, PLENTY));
      Set<GpuUuid> given = new HashSet<>();
      for (Placement.Start start : decision.starts()) {
        assertThat(start.gpus()).hasSize(start.job().request().gpuNumber());
        for (GpuUuid gpu : start.gpus()) {
          assertThat(given.add(gpu)).isTrue();
          assertThat(leases).doesNotContainKey(gpu);
          String name =
              devices.stream()
                  .filter(device -> device.uuid().equals(gpu))
                  .findFirst()
                  .orElseThrow()
                  .name();
          assertThat(start.job().request().gpuType().replace('-', ' ')).isEqualToIgnoringCase(name);
        }
      }
      assertThat(decision.starts().size() + decision.waiting().size()).isEqualTo(jobs.size());
    }
  }
}
