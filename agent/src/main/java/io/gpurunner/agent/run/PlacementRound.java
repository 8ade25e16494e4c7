package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.FairOrder.Place;
import io.gpurunner.agent.run.Placement.Decision;
import io.gpurunner.agent.run.Placement.Machine;
import io.gpurunner.agent.run.Placement.Obstacle;
import io.gpurunner.agent.run.Placement.Start;
import io.gpurunner.agent.run.Placement.Waiting;
import io.gpurunner.agent.run.UserTurns.Line;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** One round of decisions over the queue, job after job. For one thread. */
final class PlacementRound {
  private final Machine machine;
  private final GpuStock gpus;
  private final Share disk;
  private final Share places;
  private final Map<String, List<Job>> placed;
  private final Map<String, UserShares> users = new HashMap<>();
  private final Map<String, List<Job>> holdersOfUsers;
  private final Map<String, Share> diskOfUsers = new HashMap<>();

  /** The lines of which a job waits that takes its turn before the others of the line. */
  private final Set<Line> waitingLines = new HashSet<>();

  PlacementRound(Machine machine) {
    this.machine = machine;
    this.gpus = new GpuStock(machine);
    List<Job> holders = machine.holding().stream().sorted(Placement.ORDER).toList();
    this.disk = new Share(machine.disk().freeBytes(), holders, machine.disk()::promisedTo);
    List<Job> placedJobs =
        holders.stream().filter(holder -> holder.state() instanceof JobState.Placed).toList();
    this.places = new Share(Placement.CPU_PLACES, placedJobs, UserShares::placesOf);
    this.placed = placedJobs.stream().collect(Collectors.groupingBy(Job::user));
    this.holdersOfUsers = holders.stream().collect(Collectors.groupingBy(Job::user));
  }

  private UserShares userOf(Job job) {
    return users.computeIfAbsent(
        job.user(), user -> new UserShares(machine.limits(), placed.getOrDefault(user, List.of())));
  }

  /** Returns what the user may have beside what is kept of his jobs that have ended. */
  private Share diskOf(Job job) {
    return diskOfUsers.computeIfAbsent(
        job.user(),
        user ->
            new Share(
                machine.disk().users().leftBytes(user).orElse(Long.MAX_VALUE / 2),
                holdersOfUsers.getOrDefault(user, List.of()),
                machine.disk()::promisedTo));
  }

  Decision decide(Collection<Job> queued) {
    List<Place> order = new FairOrder(machine.turns(), this::canStartOnceOthersEnd).of(queued);
    List<Start> starts = new ArrayList<>();
    List<Line> turns = new ArrayList<>();
    Map<JobId, Waiting> waiting = new LinkedHashMap<>();
    for (Place place : order) {
      Job job = place.job();
      List<Obstacle> obstacles = obstacles(job);
      Optional<Obstacle> prevented = prevented(job);
      prevented.ifPresent(obstacles::addFirst);
      if (obstacles.isEmpty()) {
        starts.add(new Start(job, take(job)));
        if (!waitingLines.contains(place.line())) {
          turns.add(place.line());
        }
      } else {
        waiting.put(job.id(), waiting(waiting.size() + 1, job, obstacles));
        if (prevented.isEmpty()) {
          holdBack(job);
        }
        if (place.takesTurn()) {
          waitingLines.add(place.line());
        }
      }
    }
    return new Decision(
        List.copyOf(starts),
        Collections.unmodifiableMap(waiting),
        order.stream().map(Place::job).toList(),
        List.copyOf(turns));
  }

  /** Returns whether nothing but other jobs keeps a job waiting. */
  private boolean canStartOnceOthersEnd(Job job) {
    return prevented(job).isEmpty()
        && machine.disk().everFits(job.request())
        && (Placement.needsPlace(job) || gpus.isObtainable(job));
  }

  private Waiting waiting(int position, Job job, List<Obstacle> obstacles) {
    return new Waiting(
        position,
        obstacles.stream()
            .map(Obstacle::words)
            .collect(Collectors.joining("; and for ", "waits for ", "")),
        obstacles.getFirst().kind(),
        !Placement.needsPlace(job) && gpus.areFree(job) && !userOf(job).waitsForOwn(job));
  }

  /** Returns why the job could not start now whatever came free. So it holds back no other job. */
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
    return closed
        .or(() -> tooManyGpus(job))
        .or(() -> usersDisk(job))
        .or(
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

  /** A job for more GPUs than one user may have was submitted before that limit was set. */
  private Optional<Obstacle> tooManyGpus(Job job) {
    return machine.limits().allowGpus(job.request().gpuNumber())
        ? Optional.empty()
        : Optional.of(
            new Obstacle(
                WaitReason.LIMIT,
                "a change of the configuration: it needs %d GPUs, and one user may use %d at a time (limits.gpus)"
                    .formatted(job.request().gpuNumber(), machine.limits().gpus().orElseThrow())));
  }

  /** Returns what the job waits for. It is empty if the job can start. */
  private List<Obstacle> obstacles(Job job) {
    List<Obstacle> obstacles = new ArrayList<>();
    Optional<Obstacle> ofItsUser = userOf(job).obstacle(job);
    ofItsUser.ifPresent(obstacles::add);
    if (!Placement.needsPlace(job)) {
      gpus.obstacle(job).ifPresent(obstacles::add);
    } else if (ofItsUser.isEmpty()) {
      placeObstacle().ifPresent(words -> obstacles.add(new Obstacle(WaitReason.PLACE, words)));
    }
    diskObstacle(job).ifPresent(words -> obstacles.add(new Obstacle(WaitReason.DISK, words)));
    return obstacles;
  }

  /**
   * Keeps room for a waiting job against the jobs behind it. Room is kept of each kind that the job
   * needs, even if it does not lack that kind now. Otherwise two kinds could be short by turns, and
   * the job would never start. GPUs are kept only if the job waits for GPUs, because they would be
   * idle.
   */
  private void holdBack(Job job) {
    if (!machine.disk().everFits(job.request())) {
      return;
    }
    if (!Placement.needsPlace(job) && !gpus.isObtainable(job)) {
      return;
    }
    userOf(job).keepFor(job);
    if (userOf(job).waitsForOwn(job)) {
      return; // It waits for other jobs of the same user, so other users go first.
    }
    if (Placement.needsPlace(job)) {
      places.keepFor(job, 1);
    } else {
      gpus.holdBackFor(job);
    }
    disk.keepFor(job, machine.disk().need(job.request()));
  }

  // ---- places

  private Optional<String> placeObstacle() {
    if (places.free() <= 0) {
      return Optional.of(
          "a place: "
              + Placement.CPU_PLACES
              + " jobs without GPUs are running, the most at a time");
    }
    return places.has(1)
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

  /** A job that lacks only room of its user's own holds back nobody. */
  private Optional<Obstacle> usersDisk(Job job) {
    long need = machine.disk().need(job.request());
    if (diskOf(job).free() >= need) {
      return Optional.empty();
    }
    return Optional.of(
        new Obstacle(
            WaitReason.DISK,
            "disk space of "
                + job.user()
                + ": it needs "
                + megabytes(need)
                + " MB, and "
                + megabytes(Math.max(0, diskOf(job).free()))
                + " MB are left of the "
                + megabytes(machine.disk().users().limitBytes().orElse(0))
                + " MB that a user may have; remove files of jobs that have ended: gpurunner"
                + " purge JOB"));
  }

  private static long megabytes(long bytes) {
    return bytes / RequestedVolumes.BYTES_PER_MEGABYTE;
  }

  private List<GpuUuid> take(Job job) {
    disk.take(machine.disk().need(job.request()));
    diskOf(job).take(machine.disk().need(job.request()));
    userOf(job).take(job);
    if (Placement.needsPlace(job)) {
      places.take(1);
      return List.of();
    }
    return gpus.take(job);
  }
}
