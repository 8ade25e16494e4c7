package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Decides which queued jobs start now, and why the others wait. A pure function. The order is
 * priority, and among equals users take turns ({@link FairOrder}).
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

  /** The order of one user's jobs, and of jobs that hold something: priority, then arrival. */
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
   * @param limits what one user may have
   * @param turns when users had their turns
   */
  record Machine(
      GpuSnapshot gpus,
      Collection<Job> holding,
      DiskSpace disk,
      Closed closed,
      Instant now,
      UserLimits limits,
      UserTurns turns) {
    /** Creates a machine with the usual limits, on which no user had a turn yet. */
    Machine(GpuSnapshot gpus, Collection<Job> holding, DiskSpace disk, Closed closed, Instant now) {
      this(gpus, holding, disk, closed, now, UserLimits.DEFAULT, new UserTurns());
    }
  }

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
  record Obstacle(WaitReason kind, String words) {}

  /**
   * The decision.
   *
   * @param order all queued jobs, in the order of the queue
   * @param turns the lines in which a user has his turn, once for each job that starts so, in order
   */
  record Decision(
      List<Start> starts,
      Map<JobId, Waiting> waiting,
      List<Job> order,
      List<UserTurns.Line> turns) {}

  static Decision decide(Collection<Job> queued, Machine machine) {
    return new PlacementRound(machine).decide(queued);
  }

  /** Returns whether a job has no GPUs, so that it needs one of the places for such jobs. */
  static boolean needsPlace(Job job) {
    return job.request().gpuNumber() == 0;
  }
}
