package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.StopRule;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuType;
import io.gpurunner.gpu.GpuUuid;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Tells for waiting jobs the latest time at which they start, if nothing fails, and no job comes
 * that is ahead of them: one with a higher priority, or one of a user whose turn is before theirs.
 * A pure function.
 *
 * <p>Jobs of one GPU type start in the order of the queue (docs/adr/014). So it is enough to let
 * each job before a job run for its whole stop time and grace period: if one ends earlier, those
 * behind it start earlier or at the same time. What is not known is not counted: the time that a
 * pull of an image, and the start and the removal of a container take, and the disk that jobs which
 * are behind it, or still to come, take meanwhile.
 *
 * <p>A job has no such time if one of the jobs that it needs to end may run for ever, if it or a
 * job before it waits for something else than GPUs, or if GPUs that a job before it needs are out
 * of service.
 */
final class LatestStarts {
  private final Placement.Machine machine;
  private final Map<JobId, Placement.Waiting> waiting;
  private final Duration gracePeriod;
  private final Map<GpuUuid, Job> holders = new HashMap<>();
  private final Map<String, Devices> devices = new HashMap<>();
  private final Set<String> unknowable = new HashSet<>();
  private long diskBytes;

  /** The GPUs of one type. */
  private static final class Devices {
    private static final Comparator<Optional<Instant>> SOONEST_FIRST =
        Comparator.comparing(at -> at.orElse(Instant.MAX));

    /** When each of them is free at the latest. An empty time is later than all others. */
    private final List<Optional<Instant>> freeAt;

    Devices(List<Optional<Instant>> freeAt) {
      this.freeAt = freeAt;
    }

    /**
     * Gives a job the GPUs that are free first.
     *
     * @param most how long it holds them; empty if that may be for ever
     * @return when it has them all; empty if that is not known
     */
    Optional<Instant> take(int count, Optional<Duration> most) {
      if (count > freeAt.size()) {
        return Optional.empty();
      }
      freeAt.sort(SOONEST_FIRST);
      Optional<Instant> start = freeAt.get(count - 1);
      Optional<Instant> end = start.flatMap(at -> most.map(at::plus));
      for (int device = 0; device < freeAt.size(); device++) {
        // A job behind this one starts no earlier than this one does.
        freeAt.set(device, device < count ? end : later(freeAt.get(device), start));
      }
      return start;
    }

    private static Optional<Instant> later(Optional<Instant> one, Optional<Instant> other) {
      return SOONEST_FIRST.compare(one, other) < 0 ? other : one;
    }
  }

  private LatestStarts(
      Placement.Machine machine, Map<JobId, Placement.Waiting> waiting, Duration gracePeriod) {
    this.machine = machine;
    this.waiting = waiting;
    this.gracePeriod = gracePeriod;
    this.diskBytes = machine.disk().freeBytes();
    for (Job holder : machine.holding()) {
      diskBytes -= machine.disk().promisedTo(holder);
      if (holder.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> holders.put(gpu, holder));
      }
    }
  }

  /**
   * Returns the times of those waiting jobs that have one.
   *
   * @param ordered all queued jobs in the order of the queue, also those that start now
   * @param waiting what was decided about those that wait
   * @param gracePeriod the grace period of a job that names none
   */
  static Map<JobId, Instant> of(
      List<Job> ordered,
      Placement.Machine machine,
      Map<JobId, Placement.Waiting> waiting,
      Duration gracePeriod) {
    LatestStarts starts = new LatestStarts(machine, waiting, gracePeriod);
    Map<JobId, Instant> known = new HashMap<>();
    for (Job job : ordered) {
      starts.next(job).ifPresent(at -> known.put(job.id(), at));
    }
    known.keySet().retainAll(waiting.keySet());
    return Map.copyOf(known);
  }

  /** Returns when a job starts. It is called once for each job, in the order of the queue. */
  private Optional<Instant> next(Job job) {
    diskBytes -= machine.disk().need(job.request());
    if (job.request().gpuNumber() == 0) {
      return Optional.empty();
    }
    GpuType type = GpuType.ofProductName(job.request().gpuType());
    if (!waitsForGpusOnly(job)) {
      unknowable.add(type.normalised());
    }
    if (unknowable.contains(type.normalised())) {
      return Optional.empty();
    }
    return devices
        .computeIfAbsent(type.normalised(), _ -> devices(type))
        .take(job.request().gpuNumber(), longestRun(job));
  }

  /**
   * Returns whether nothing but GPUs can keep the job waiting. The disk is no such thing if it has
   * room for all jobs up to this one, even if the files of all of them stay.
   */
  private boolean waitsForGpusOnly(Job job) {
    return diskBytes >= 0
        && Optional.ofNullable(waiting.get(job.id()))
            .map(Placement.Waiting::kind)
            .map(kind -> kind == WaitReason.GPUS || kind == WaitReason.BEHIND)
            .orElse(true);
  }

  private Devices devices(GpuType type) {
    List<Optional<Instant>> freeAt = new ArrayList<>();
    for (GpuDevice device : machine.gpus().devices()) {
      if (device.type().matches(type) && isInService(device)) {
        freeAt.add(
            Optional.ofNullable(holders.get(device.uuid()))
                .map(this::latestEnd)
                .orElse(Optional.of(machine.now())));
      }
    }
    return new Devices(freeAt);
  }

  /** A GPU that only has to be tried is in service. What is on a held GPU is of its job. */
  private boolean isInService(GpuDevice device) {
    return machine.gpus().fault().isEmpty()
        && !machine.closed().refused().containsKey(device.uuid())
        && DeviceFitness.whyUnusable(device).isEmpty()
        && (holders.containsKey(device.uuid()) || DeviceFitness.unfitReason(device).isEmpty());
  }

  private Optional<Instant> latestEnd(Job holder) {
    Optional<Instant> end =
        switch (holder.state()) {
          case JobState.Running running -> running.deadline().map(at -> at.plus(grace(holder)));
          case JobState.Stopping stopping ->
              stopping.killAt().or(() -> Optional.of(stopping.since().plus(grace(holder))));
          case JobState.Queued _, JobState.Placed _, JobState.Uploading _, JobState.Final _ ->
              longestRun(holder).map(machine.now()::plus);
        };
    return end.map(at -> at.isBefore(machine.now()) ? machine.now() : at);
  }

  private Optional<Duration> longestRun(Job job) {
    return switch (job.request().stopRule()) {
      case StopRule.After after -> Optional.of(after.limit().plus(grace(job)));
      case StopRule.NaturalEnd _ -> Optional.empty();
    };
  }

  private Duration grace(Job job) {
    return job.request().gracePeriod().orElse(gracePeriod);
  }
}
