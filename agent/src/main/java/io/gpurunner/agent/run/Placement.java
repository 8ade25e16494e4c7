package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceChoice;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuType;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Decides which queued jobs start now, and why the others wait. A pure function. The order is
 * priority, then arrival.
 *
 * <p>What jobs can lack is of several kinds: the GPUs of each type, the disk, the places for jobs
 * without GPUs. A job that waits never holds back a job that needs none of what it waits for, and a
 * job that the ends of other jobs cannot let start holds back none (docs/adr/014).
 */
final class Placement {
  /**
   * The largest number of jobs without GPUs that are placed at a time. It limits threads,
   * connections, containers and the load of the machine. Jobs with GPUs are limited by the devices.
   */
  static final int CPU_PLACES = 64;

  /** The largest number of these places that one user gets, so that others can start jobs too. */
  static final int CPU_PLACES_PER_USER = 32;

  /** The order of the queue. */
  static final Comparator<Job> ORDER =
      Comparator.comparingInt((Job job) -> -job.request().priority())
          .thenComparingLong(Job::sequence);

  private Placement() {}

  /**
   * The machine as the decision sees it.
   *
   * @param holding jobs that hold something: GPUs, a place, disk space
   * @param closed what prevents every start
   * @param now the time of the decision
   */
  record Machine(
      GpuSnapshot gpus, Collection<Job> holding, DiskSpace disk, Closed closed, Instant now) {}

  /**
   * What prevents starts on this machine.
   *
   * @param all why no job can start; empty if jobs can
   * @param gpus why no job with GPUs can start
   * @param refused why a device reaches no container, for each such device
   * @param unseen why a device is tried before a job gets it, for each such device. That takes
   *     seconds, so it keeps its place for the job that waits for it
   */
  record Closed(
      Optional<String> all,
      Optional<String> gpus,
      Map<GpuUuid, String> refused,
      Map<GpuUuid, String> unseen) {
    static final Closed NO = new Closed(Optional.empty(), Optional.empty(), Map.of(), Map.of());

    static Closed of(StartGate gate, GpuSnapshot look) {
      Map<GpuUuid, String> refused = new HashMap<>();
      Map<GpuUuid, String> unseen = new HashMap<>();
      for (GpuDevice device : look.devices()) {
        Optional<String> why = gate.whyRefused(device.uuid());
        why.ifPresent(words -> refused.put(device.uuid(), words));
        if (why.isEmpty()) {
          gate.whyUnseen(device).ifPresent(words -> unseen.put(device.uuid(), words));
        }
      }
      return new Closed(
          gate.whyClosed(),
          gate.whyNoGpuAccess().filter(_ -> !look.devices().isEmpty()),
          refused,
          unseen);
    }

    boolean keepsBack(GpuUuid device) {
      return refused.containsKey(device) || unseen.containsKey(device);
    }

    Optional<String> why(Job job) {
      return all.or(() -> needsPlace(job) ? Optional.empty() : gpus);
    }
  }

  /** A job to start, and the devices it gets. */
  record Start(Job job, List<GpuUuid> gpus) {}

  /**
   * Why a job waits.
   *
   * @param position its place in the queue, counted from 1
   * @param kind the kind of the first thing that it waits for
   * @param besideFreeGpus whether enough GPUs of its type are free, but it waits for something else
   */
  record Waiting(int position, String reason, WaitReason kind, boolean besideFreeGpus) {}

  /** A thing that a job waits for. */
  private record Obstacle(WaitReason kind, String words) {}

  /** The decision. */
  record Decision(List<Start> starts, Map<JobId, Waiting> waiting) {}

  static Decision decide(Collection<Job> queued, Machine machine) {
    return new Round(machine).decide(queued.stream().sorted(ORDER).toList());
  }

  private static boolean needsPlace(Job job) {
    return job.request().gpuNumber() == 0;
  }

  private static final class Round {
    /**
     * The facts about a GPU type, found once for all jobs that ask for it.
     *
     * @param obtainable how many devices can be handed out once no job holds any: those that are
     *     fit now, or only have to be tried, and those that jobs hold and that are sound
     */
    private record Wanted(GpuType type, String normalised, long obtainable) {}

    private final Machine machine;
    private final Map<GpuUuid, JobId> leases = new HashMap<>();
    private final Map<String, Wanted> wanted = new HashMap<>();
    private final List<GpuDevice> free;
    private final Set<String> heldBackTypes = new HashSet<>();
    private final Share disk;
    private final Share places = new Share(CPU_PLACES);
    private final Map<String, Share> placesOfUsers = new HashMap<>();

    /**
     * The jobs that hold something and are not ahead of the job that is looked at, in the order of
     * the queue.
     */
    private final Deque<Job> holdersBehind;

    Round(Machine machine) {
      this.machine = machine;
      this.disk = new Share(machine.disk().freeBytes());
      this.holdersBehind = new ArrayDeque<>(machine.holding().stream().sorted(ORDER).toList());
      for (Job holder : holdersBehind) {
        disk.hold(machine.disk().promisedTo(holder));
        if (holder.state() instanceof JobState.Placed placed) {
          placed.gpus().forEach(gpu -> leases.put(gpu, holder.id()));
          if (needsPlace(holder)) {
            places.hold(1);
            placesOf(holder).hold(1);
          }
        }
      }
      this.free =
          new ArrayList<>(
              DeviceFitness.fitDevices(machine.gpus()).stream()
                  .filter(device -> !leases.containsKey(device.uuid()))
                  .filter(device -> !machine.closed().keepsBack(device.uuid()))
                  .toList());
    }

    private Share placesOf(Job job) {
      return placesOfUsers.computeIfAbsent(job.user(), _ -> new Share(CPU_PLACES_PER_USER));
    }

    Decision decide(List<Job> ordered) {
      List<Start> starts = new ArrayList<>();
      Map<JobId, Waiting> waiting = new LinkedHashMap<>();
      for (Job job : ordered) {
        passHoldersAheadOf(job);
        List<Obstacle> obstacles = obstacles(job);
        Optional<Obstacle> prevented = prevented(job);
        prevented.ifPresent(obstacles::addFirst);
        if (obstacles.isEmpty()) {
          starts.add(new Start(job, take(job)));
        } else {
          waiting.put(job.id(), waiting(waiting.size() + 1, job, obstacles));
          if (prevented.isEmpty()) {
            holdBack(job);
          }
        }
      }
      return new Decision(List.copyOf(starts), Collections.unmodifiableMap(waiting));
    }

    private Waiting waiting(int position, Job job, List<Obstacle> obstacles) {
      return new Waiting(
          position,
          obstacles.stream()
              .map(Obstacle::words)
              .collect(Collectors.joining("; and for ", "waits for ", "")),
          obstacles.getFirst().kind(),
          !needsPlace(job) && job.request().gpuNumber() <= free.size() && areFree(job));
    }

    private void passHoldersAheadOf(Job job) {
      while (!holdersBehind.isEmpty() && ORDER.compare(holdersBehind.getFirst(), job) < 0) {
        Job ahead = holdersBehind.removeFirst();
        disk.passed(machine.disk().promisedTo(ahead));
        if (ahead.state() instanceof JobState.Placed && needsPlace(ahead)) {
          places.passed(1);
          placesOf(ahead).passed(1);
        }
      }
    }

    /**
     * Returns why the job could not start now whatever came free. So it holds back no other job.
     */
    private Optional<Obstacle> prevented(Job job) {
      Optional<Obstacle> closed =
          machine
              .closed()
              .why(job)
              .map(
                  why ->
                      new Obstacle(
                          WaitReason.MACHINE,
                          "this machine, which can start no container for it now: " + why));
      return closed.or(
          () ->
              job.setback()
                  .filter(setback -> setback.holdsBack(machine.now()))
                  .map(
                      setback ->
                          new Obstacle(
                              WaitReason.PAUSE,
                              "its next try at "
                                  + setback.notBefore().truncatedTo(ChronoUnit.SECONDS)
                                  + ": "
                                  + setback.reason())));
    }

    /** Returns what the job waits for. It is empty if the job can start. */
    private List<Obstacle> obstacles(Job job) {
      List<Obstacle> obstacles = new ArrayList<>();
      if (needsPlace(job)) {
        placeObstacle(job).ifPresent(words -> obstacles.add(new Obstacle(WaitReason.PLACE, words)));
      } else {
        gpuObstacle(job).ifPresent(obstacles::add);
      }
      diskObstacle(job).ifPresent(words -> obstacles.add(new Obstacle(WaitReason.DISK, words)));
      return obstacles;
    }

    /**
     * Keeps room for a waiting job against the jobs behind it. Room is kept of each kind that the
     * job needs, even if it does not lack that kind now. Otherwise two kinds could be short by
     * turns, and the job would never start. GPUs are kept only if the job waits for GPUs, because
     * they would be idle.
     */
    private void holdBack(Job job) {
      if (!machine.disk().everFits(job.request())) {
        return;
      }
      if (needsPlace(job)) {
        placesOf(job).keepFor(1);
        if (placesOf(job).free() <= 0) {
          return; // It waits for other jobs of the same user, so other users go first.
        }
        places.keepFor(1);
      } else if (!isObtainable(job)) {
        return;
      } else if (!areFree(job)) {
        heldBackTypes.add(wanted(job).normalised());
      }
      disk.keepFor(machine.disk().need(job.request()));
    }

    // ---- places

    private Optional<String> placeObstacle(Job job) {
      if (placesOf(job).free() <= 0) {
        return Optional.of(
            "a place: "
                + CPU_PLACES_PER_USER
                + " jobs without GPUs of "
                + job.user()
                + " are running, the most of one user at a time");
      }
      if (places.free() <= 0) {
        return Optional.of(
            "a place: " + CPU_PLACES + " jobs without GPUs are running, the most at a time");
      }
      return placesOf(job).has(1) && places.has(1)
          ? Optional.empty()
          : Optional.of("a place behind a job without GPUs ahead of it");
    }

    // ---- disk

    private Optional<String> diskObstacle(Job job) {
      long need = machine.disk().need(job.request());
      if (disk.has(need)) {
        return Optional.empty();
      }
      String needs = "disk space: it needs " + megabytes(need) + " MB, ";
      if (!machine.disk().everFits(job.request())) {
        return Optional.of(
            needs
                + megabytes(machine.disk().freeBytes())
                + " MB are free above the agent's reserve, whichever jobs end: files must be"
                + " removed from the disk");
      }
      return Optional.of(
          needs
              + megabytes(Math.max(0, disk.available()))
              + " MB are not promised to jobs that run or are ahead of it");
    }

    private static long megabytes(long bytes) {
      return bytes / RequestedVolumes.BYTES_PER_MEGABYTE;
    }

    // ---- GPUs

    private Wanted wanted(Job job) {
      return wanted.computeIfAbsent(
          job.request().gpuType(),
          name -> {
            GpuType type = GpuType.ofProductName(name);
            return new Wanted(type, type.normalised(), obtainable(type));
          });
    }

    private long obtainable(GpuType type) {
      return machine.gpus().devices().stream()
          .filter(device -> device.type().matches(type))
          .filter(device -> comesFree(device) || free.contains(device) || isOnlyToBeTried(device))
          .count();
    }

    /** Returns whether nothing is wrong with a device, and no container has seen it yet. */
    private boolean isOnlyToBeTried(GpuDevice device) {
      return machine.closed().unseen().containsKey(device.uuid())
          && !leases.containsKey(device.uuid())
          && machine.gpus().fault().isEmpty()
          && DeviceFitness.unfitReason(device).isEmpty();
    }

    /**
     * Returns whether a device can be handed out again once the job that holds it has ended.
     * Processes and memory on it belong to that job.
     */
    private boolean comesFree(GpuDevice device) {
      return leases.containsKey(device.uuid())
          && whyUnfit(device).isEmpty()
          && machine.gpus().fault().isEmpty();
    }

    /** Returns whether enough devices come free once other jobs have ended. */
    private boolean isObtainable(Job job) {
      return job.request().gpuNumber() <= wanted(job).obtainable();
    }

    private boolean areFree(Job job) {
      return DeviceChoice.choose(free, typeOf(job), job.request().gpuNumber()).isPresent();
    }

    private Optional<Obstacle> gpuObstacle(Job job) {
      if (machine.gpus().fault().isPresent()) {
        return obstacle(
            WaitReason.MACHINE, "the GPUs to be readable: " + machine.gpus().fault().get());
      }
      if (!isObtainable(job)) {
        return obstacle(
            WaitReason.UNFIT,
            lacking(job)
                + "; this machine has only "
                + wanted(job).obtainable()
                + " that it can hand out, whichever jobs end, so jobs behind it go first");
      }
      if (heldBackTypes.contains(wanted(job).normalised())) {
        return obstacle(WaitReason.BEHIND, typeOf(job).label() + " behind a job ahead of it");
      }
      return areFree(job) ? Optional.empty() : obstacle(WaitReason.GPUS, lacking(job));
    }

    private static Optional<Obstacle> obstacle(WaitReason kind, String words) {
      return Optional.of(new Obstacle(kind, words));
    }

    private String lacking(Job job) {
      return job.request().gpuNumber() + " × " + typeOf(job).label() + ": " + census(typeOf(job));
    }

    /**
     * Returns in words how many devices of that type are free, how many jobs hold, and what is
     * wrong with the rest.
     */
    private String census(GpuType type) {
      long freeCount = free.stream().filter(device -> device.type().matches(type)).count();
      Map<String, Integer> others = new LinkedHashMap<>();
      for (GpuDevice device : machine.gpus().devices()) {
        if (device.type().matches(type) && !free.contains(device)) {
          others.merge(whyNotFree(device), 1, Integer::sum);
        }
      }
      StringBuilder words = new StringBuilder(freeCount + " free");
      others.forEach((why, number) -> words.append(", ").append(number).append(' ').append(why));
      return words.toString();
    }

    private String whyNotFree(GpuDevice device) {
      if (comesFree(device)) {
        return "held by another job";
      }
      Optional<String> unfit = whyUnfit(device);
      if (unfit.isPresent()) {
        return (leases.containsKey(device.uuid()) ? "held by another job and unfit (" : "unfit (")
            + unfit.get()
            + ")";
      }
      if (isOnlyToBeTried(device)) {
        return "being tried (" + machine.closed().unseen().get(device.uuid()) + ")";
      }
      return DeviceFitness.whyOccupied(device)
          .map(reason -> "in use by others than this agent's jobs (" + named(device, reason) + ")")
          .orElse("about to be handed to an earlier job");
    }

    /**
     * Returns why no job can get a device, even if nobody used it: its fault, its health, or the
     * way to a container.
     */
    private Optional<String> whyUnfit(GpuDevice device) {
      return DeviceFitness.whyUnusable(device)
          .or(() -> Optional.ofNullable(machine.closed().refused().get(device.uuid())))
          .map(why -> named(device, why));
    }

    private static String named(GpuDevice device, String why) {
      return DeviceFitness.name(device) + ": " + why;
    }

    private List<GpuUuid> take(Job job) {
      disk.take(machine.disk().need(job.request()));
      if (needsPlace(job)) {
        places.take(1);
        placesOf(job).take(1);
        return List.of();
      }
      List<GpuDevice> chosen =
          DeviceChoice.choose(free, typeOf(job), job.request().gpuNumber()).orElseThrow();
      free.removeAll(chosen);
      return chosen.stream().map(GpuDevice::uuid).toList();
    }

    private GpuType typeOf(Job job) {
      return wanted(job).type();
    }
  }

  /**
   * A resource that is divided among jobs: bytes of the disk, or places. It is given out in the
   * order of the queue. For each waiting job enough is kept that it can start once the jobs ahead
   * of it have ended. The rest may go to jobs behind it.
   */
  private static final class Share {
    /** The amount that is free once no job holds any. */
    private final long whole;

    /** The amount that no job holds. */
    private long free;

    /** The amount held by jobs behind the job that is looked at. */
    private long heldBehind;

    /** The amount that is left for jobs behind all waiting jobs. */
    private long spare = Long.MAX_VALUE;

    Share(long whole) {
      this.whole = whole;
      this.free = whole;
    }

    /** Notes that a job holds this amount when the round begins. */
    void hold(long amount) {
      free -= amount;
      heldBehind += amount;
    }

    /** Notes that a job with this amount is ahead of all jobs that are looked at from now on. */
    void passed(long amount) {
      heldBehind -= amount;
    }

    /** Returns the amount that the job that is looked at may take. */
    long available() {
      return Math.min(free, spare);
    }

    long free() {
      return free;
    }

    boolean has(long need) {
      return need <= available();
    }

    /** Gives this amount to the job that is looked at. */
    void take(long need) {
      free -= need;
      spare -= need;
    }

    /** Keeps this amount for the job that is looked at, which waits. */
    void keepFor(long need) {
      spare = Math.min(spare, whole - need - heldBehind);
    }
  }
}
