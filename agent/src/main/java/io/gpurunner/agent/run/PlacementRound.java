package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.run.Placement.Decision;
import io.gpurunner.agent.run.Placement.Machine;
import io.gpurunner.agent.run.Placement.Obstacle;
import io.gpurunner.agent.run.Placement.Start;
import io.gpurunner.agent.run.Placement.Waiting;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** One round of decisions over the queue, job after job. For one thread. */
final class PlacementRound {
  private final Machine machine;
  private final GpuStock gpus;
  private final Share disk;
  private final Share places = new Share(Placement.CPU_PLACES);
  private final Map<String, Share> placesOfUsers = new HashMap<>();
  private final Map<String, Share> diskOfUsers = new HashMap<>();

  /**
   * The jobs that hold something and are not ahead of the job that is looked at, in the order of
   * the queue.
   */
  private final Deque<Job> holdersBehind;

  PlacementRound(Machine machine) {
    this.machine = machine;
    this.gpus = new GpuStock(machine);
    this.disk = new Share(machine.disk().freeBytes());
    this.holdersBehind =
        new ArrayDeque<>(machine.holding().stream().sorted(Placement.ORDER).toList());
    for (Job holder : holdersBehind) {
      disk.hold(machine.disk().promisedTo(holder));
      diskOf(holder).hold(machine.disk().promisedTo(holder));
      if (holder.state() instanceof JobState.Placed && Placement.needsPlace(holder)) {
        places.hold(1);
        placesOf(holder).hold(1);
      }
    }
  }

  private Share placesOf(Job job) {
    return placesOfUsers.computeIfAbsent(job.user(), _ -> new Share(Placement.CPU_PLACES_PER_USER));
  }

  /** Returns what the user may have beside what is kept of his jobs that have ended. */
  private Share diskOf(Job job) {
    return diskOfUsers.computeIfAbsent(
        job.user(),
        user -> new Share(machine.disk().users().leftBytes(user).orElse(Long.MAX_VALUE / 2)));
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
        !Placement.needsPlace(job) && gpus.areFree(job));
  }

  private void passHoldersAheadOf(Job job) {
    while (!holdersBehind.isEmpty() && Placement.ORDER.compare(holdersBehind.getFirst(), job) < 0) {
      Job ahead = holdersBehind.removeFirst();
      disk.passed(machine.disk().promisedTo(ahead));
      if (ahead.state() instanceof JobState.Placed && Placement.needsPlace(ahead)) {
        places.passed(1);
        placesOf(ahead).passed(1);
      }
    }
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

  /** Returns what the job waits for. It is empty if the job can start. */
  private List<Obstacle> obstacles(Job job) {
    List<Obstacle> obstacles = new ArrayList<>();
    if (Placement.needsPlace(job)) {
      placeObstacle(job).ifPresent(words -> obstacles.add(new Obstacle(WaitReason.PLACE, words)));
    } else {
      gpus.obstacle(job).ifPresent(obstacles::add);
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
    if (Placement.needsPlace(job)) {
      placesOf(job).keepFor(1);
      if (placesOf(job).free() <= 0) {
        return; // It waits for other jobs of the same user, so other users go first.
      }
      places.keepFor(1);
    } else if (!gpus.isObtainable(job)) {
      return;
    } else {
      gpus.holdBackFor(job);
    }
    disk.keepFor(machine.disk().need(job.request()));
  }

  // ---- places

  private Optional<String> placeObstacle(Job job) {
    if (placesOf(job).free() <= 0) {
      return Optional.of(
          "a place: "
              + Placement.CPU_PLACES_PER_USER
              + " jobs without GPUs of "
              + job.user()
              + " are running, the most of one user at a time");
    }
    if (places.free() <= 0) {
      return Optional.of(
          "a place: "
              + Placement.CPU_PLACES
              + " jobs without GPUs are running, the most at a time");
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
    if (Placement.needsPlace(job)) {
      places.take(1);
      placesOf(job).take(1);
      return List.of();
    }
    return gpus.take(job);
  }
}
