package io.gpurunner.agent.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceFitness;
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
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Properties of every decision, on machines and queues that are generated from a seed. */
class PlacementPropertiesTest {
  private static final Instant T = Instant.parse("2026-01-01T00:00:00Z");
  private static final List<String> TYPES = List.of("NVIDIA GeForce RTX 3090", "NVIDIA H200");
  private static final List<String> USERS = List.of("ann", "bob", "cat");
  private static final int WORLDS_A_SEED = 60;

  static IntStream seeds() {
    return IntStream.rangeClosed(1, 25);
  }

  /** A machine and its queue. */
  private static final class World {
    final Random random;
    final List<GpuDevice> devices = new ArrayList<>();
    final Map<GpuUuid, Job> leases = new HashMap<>();
    final List<Job> holding = new ArrayList<>();
    final List<Job> queue = new ArrayList<>();
    final UserTurns turns = new UserTurns();
    long freeBytes;
    private long sequence;

    World(Random random) {
      this.random = random;
      this.freeBytes = (long) random.nextInt(1, 40) * 500_000_000L;
    }

    /** Generates devices, some of them unfit, jobs that hold some of them, and a queue. */
    static World of(Random random) {
      World world = new World(random);
      int count = random.nextInt(9);
      for (int ordinal = 0; ordinal < count; ordinal++) {
        world.devices.add(world.device(ordinal));
      }
      // Jobs arrive in any order, so some jobs that hold something are behind others that wait.
      List<Runnable> arrivals = new ArrayList<>();
      arrivals.addAll(times(random.nextInt(12), () -> world.queue.add(world.queued())));
      arrivals.addAll(times(random.nextInt(4), world::lease));
      arrivals.addAll(times(random.nextInt(3) * 16, world::holdPlace));
      arrivals.addAll(times(random.nextInt(3), world::upload));
      if (random.nextInt(4) == 0) {
        arrivals.addAll(times(80, () -> world.queue.add(world.queuedWithoutGpus())));
      }
      java.util.Collections.shuffle(arrivals, random);
      arrivals.forEach(Runnable::run);
      return world;
    }

    private static List<Runnable> times(int count, Runnable arrival) {
      return Stream.generate(() -> arrival).limit(count).toList();
    }

    private GpuDevice device(int ordinal) {
      String name = TYPES.get(random.nextInt(TYPES.size()));
      return switch (random.nextInt(8)) {
        case 0 -> device(ordinal, name, List.of(new GpuProcess(7, 1 << 20)), Optional.empty());
        case 1 -> device(ordinal, name, List.of(), Optional.of("MIG mode is on"));
        default -> device(ordinal, name, List.of(), Optional.empty());
      };
    }

    static GpuDevice device(
        int ordinal, String name, List<GpuProcess> processes, Optional<String> fault) {
      GpuDevice free = GpuDevice.free(new GpuUuid("GPU-" + ordinal), ordinal, name, 24L << 30);
      GpuDevice used = free.withUse(free.memory(), processes);
      return fault.map(why -> used.withFault(GpuDevice.Presence.READABLE, why)).orElse(used);
    }

    private String user() {
      return USERS.get(random.nextInt(USERS.size()));
    }

    private Requests anyRequest() {
      return Requests.simple()
          .type(TYPES.get(random.nextInt(TYPES.size())))
          .priority(random.nextInt(8) == 0 ? 1 : 0)
          .volumes(1L << random.nextInt(13));
    }

    Job queued() {
      return job(user(), anyRequest().gpus(random.nextInt(5)), new JobState.Queued(1));
    }

    private Job queuedWithoutGpus() {
      return job(user(), anyRequest().gpus(0).volumes(1), new JobState.Queued(1));
    }

    private void lease() {
      List<GpuUuid> gpus =
          devices.stream()
              .map(GpuDevice::uuid)
              .filter(gpu -> !leases.containsKey(gpu) && random.nextInt(3) == 0)
              .toList();
      if (!gpus.isEmpty()) {
        Job holder = job(user(), anyRequest().gpus(gpus.size()), new JobState.Preparing(1, gpus));
        gpus.forEach(gpu -> leases.put(gpu, holder));
        holding.add(holder);
      }
    }

    private void holdPlace() {
      Requests request = anyRequest().gpus(0).volumes(1);
      holding.add(job(user(), request, new JobState.Preparing(1, List.of())));
    }

    private void upload() {
      JobState uploading =
          new JobState.Uploading(Optional.empty(), Optional.empty(), T, 0, T, Optional.empty());
      holding.add(job(user(), anyRequest(), uploading));
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

    DiskSpace disk() {
      return new DiskSpace(freeBytes, true, 0);
    }

    Placement.Machine machine() {
      return new Placement.Machine(
          new GpuSnapshot(T, devices, Optional.empty()),
          holding,
          disk(),
          Placement.Closed.NO,
          T,
          UserLimits.DEFAULT,
          turns);
    }

    Set<Job> starts(List<Job> jobs) {
      Set<Job> starts = new HashSet<>();
      Placement.decide(jobs, machine()).starts().forEach(start -> starts.add(start.job()));
      return starts;
    }

    /** Returns whether the job would start on this machine once every other job has ended. */
    boolean canStartByEndsOfJobs(Job job) {
      List<GpuDevice> left =
          devices.stream()
              .map(
                  device ->
                      leases.containsKey(device.uuid())
                          ? device(device.ordinal(), device.name(), List.of(), device.fault())
                          : device)
              .toList();
      Placement.Machine idle =
          new Placement.Machine(
              new GpuSnapshot(T, left, Optional.empty()),
              List.of(),
              disk(),
              Placement.Closed.NO,
              T);
      return !Placement.decide(List.of(job), idle).starts().isEmpty();
    }

    boolean isOverOwnLimit(Job job) {
      return job.request().gpuNumber() == 0 && placesOf(job.user()) >= 32;
    }

    long placesOf(String user) {
      return holding.stream()
          .filter(World::holdsPlace)
          .filter(holder -> holder.user().equals(user))
          .count();
    }

    static boolean holdsPlace(Job job) {
      return job.request().gpuNumber() == 0 && job.state() instanceof JobState.Placed;
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nothingIsGivenTwice(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < WORLDS_A_SEED; i++) {
      World world = World.of(random);
      Placement.Decision decision = Placement.decide(world.queue, world.machine());
      assertThat(decision.starts().size() + decision.waiting().size())
          .isEqualTo(world.queue.size());
      Set<GpuUuid> given = new HashSet<>(world.leases.keySet());
      long promised = world.holding.stream().mapToLong(world.disk()::promisedTo).sum();
      Map<String, Long> places = new HashMap<>();
      USERS.forEach(user -> places.put(user, world.placesOf(user)));
      for (Placement.Start start : decision.starts()) {
        Job job = start.job();
        promised += world.disk().need(job.request());
        assertThat(promised).isLessThanOrEqualTo(world.freeBytes);
        assertThat(start.gpus()).hasSize(job.request().gpuNumber());
        for (GpuUuid gpu : start.gpus()) {
          assertThat(given.add(gpu)).as("%s is given only once", gpu).isTrue();
          GpuDevice device =
              world.devices.stream()
                  .filter(one -> one.uuid().equals(gpu))
                  .findFirst()
                  .orElseThrow();
          assertThat(DeviceFitness.unfitReason(device)).isEmpty();
          assertThat(device.name()).isEqualTo(job.request().gpuType());
        }
        if (job.request().gpuNumber() == 0) {
          assertThat(places.merge(job.user(), 1L, Long::sum)).isLessThanOrEqualTo(32);
          assertThat(places.values().stream().mapToLong(count -> count).sum())
              .isLessThanOrEqualTo(64);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aJobThatNoEndOfJobsLetsStartHoldsBackNobody(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < WORLDS_A_SEED; i++) {
      World world = World.of(random);
      List<Job> others = world.queue.stream().filter(world::canStartByEndsOfJobs).toList();
      assertThat(world.starts(world.queue)).isEqualTo(world.starts(others));
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aUserOverHisOwnLimitHoldsBackNobody(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < WORLDS_A_SEED; i++) {
      World world = World.of(random);
      List<Job> others = world.queue.stream().filter(job -> !world.isOverOwnLimit(job)).toList();
      assertThat(world.starts(world.queue)).isEqualTo(world.starts(others));
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void nobodyBehindAJobThatWaitsForLeasedGpusGetsOneOfTheirType(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < WORLDS_A_SEED; i++) {
      World world = World.of(random);
      Set<Job> starts = world.starts(world.queue);
      List<Job> order = Placement.decide(world.queue, world.machine()).order();
      for (Job waiting : world.queue) {
        int count = waiting.request().gpuNumber();
        boolean lacks =
            count > 0
                && DeviceFitness.fitDevices(world.machine().gpus()).stream()
                        .filter(device -> !world.leases.containsKey(device.uuid()))
                        .filter(device -> device.name().equals(waiting.request().gpuType()))
                        .count()
                    < count;
        if (lacks && world.canStartByEndsOfJobs(waiting)) {
          assertThat(starts)
              .noneMatch(
                  job ->
                      order.indexOf(waiting) < order.indexOf(job)
                          && job.request().gpuNumber() > 0
                          && job.request().gpuType().equals(waiting.request().gpuType()));
        }
      }
    }
  }

  /**
   * The smallest number of rounds that a job runs. The numbers differ, so few jobs end together.
   */
  private static final int SHORTEST_RUN = 4;

  /** The largest number of rounds that a job runs. */
  private static final int LONGEST_RUN = 8;

  private static final int FOREIGN_ROUNDS = 20;
  private static final int ROUNDS = 100;

  /**
   * New jobs keep coming, more than fit, and each ends within some rounds. The jobs that came first
   * start nevertheless. One of them needs all GPUs, and is passed over while somebody else uses
   * one.
   */
  @ParameterizedTest
  @MethodSource("seeds")
  void nobodyIsOvertakenForEver(int seed) {
    World world = new World(new Random(seed));
    world.freeBytes = 40_000_000_000L;
    for (int ordinal = 0; ordinal < 4; ordinal++) {
      List<GpuProcess> foreign = ordinal == 3 ? List.of(new GpuProcess(7, 1 << 20)) : List.of();
      world.devices.add(World.device(ordinal, TYPES.getFirst(), foreign, Optional.empty()));
    }
    Map<JobId, Integer> endOf = new HashMap<>();
    List<Job> first = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      int now = round;
      for (Job ended :
          world.holding.stream().filter(job -> endOf.getOrDefault(job.id(), 0) <= now).toList()) {
        world.holding.remove(ended);
        world.leases.values().removeIf(ended::equals);
      }
      if (round == FOREIGN_ROUNDS) {
        world.devices.set(3, World.device(3, TYPES.getFirst(), List.of(), Optional.empty()));
      }
      if (round == 5) { // the machine is busy by then
        first.add(world.job("ann", request(4, 1), new JobState.Queued(1)));
        first.add(world.job("ann", request(0, 6_000), new JobState.Queued(1)));
        first.add(world.job("bob", request(2, 6_000), new JobState.Queued(1)));
        first.add(world.job("bob", request(4, 12_000), new JobState.Queued(1)));
        world.queue.addAll(first);
      }
      int arrivals = world.random.nextInt(12);
      for (int i = 0; i < arrivals; i++) {
        int gpus = world.random.nextInt(3) == 0 ? 1 : 0;
        long volumes = VOLUMES.get(world.random.nextInt(VOLUMES.size()));
        world.queue.add(world.job(world.user(), request(gpus, volumes), new JobState.Queued(1)));
      }
      Placement.Decision decision = Placement.decide(world.queue, world.machine());
      decision.turns().forEach(world.turns::had);
      for (Placement.Start start : decision.starts()) {
        Job job = start.job();
        world.queue.remove(job);
        Job placed =
            new Job(
                job.id(),
                job.user(),
                job.sequence(),
                job.version() + 1,
                T,
                job.request(),
                new JobState.Preparing(1, start.gpus()),
                Optional.empty(),
                Optional.empty(),
                JobFiles.KEPT,
                List.of());
        world.holding.add(placed);
        start.gpus().forEach(gpu -> world.leases.put(gpu, placed));
        endOf.put(job.id(), round + world.random.nextInt(SHORTEST_RUN, LONGEST_RUN + 1));
      }
    }
    assertThat(world.queue).as("seed %d", seed).doesNotContainAnyElementsOf(first);
  }

  /** The volume sizes of the jobs that come later, in MB. */
  private static final List<Long> VOLUMES = List.of(1L, 1L, 400L, 3_000L);

  private static Requests request(int gpus, long volumes) {
    return Requests.simple().gpus(gpus).type(TYPES.getFirst()).volumes(volumes);
  }
}
