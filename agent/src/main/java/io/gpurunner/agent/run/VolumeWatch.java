package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.JobVolumes.Overrun;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures the volumes of jobs on other threads than those of their steps, because a walk through a
 * large tree can take longer than a stop time may be late. Holds only measurements, which are made
 * again after a restart. Thread-safe.
 */
public final class VolumeWatch {
  /**
   * The number of measurements in a row that a job may keep from succeeding while it runs. A
   * program may move or close a directory for a moment.
   */
  static final int HIDDEN_LIMIT = 5;

  private static final Logger log = LoggerFactory.getLogger(VolumeWatch.class);

  private final JobVolumes volumes;
  private final Executor executor;
  private final Clock clock;
  private final Map<JobId, Measured> newest = new ConcurrentHashMap<>();
  private final Set<JobId> measuring = ConcurrentHashMap.newKeySet();
  private final Set<JobId> watched = ConcurrentHashMap.newKeySet();

  /** How many measurements in a row each job has kept from succeeding. */
  private final Map<JobId, Integer> hidden = new ConcurrentHashMap<>();

  /** The jobs whose last measurement the machine let fail, which the log says once. */
  private final Set<JobId> unmeasured = ConcurrentHashMap.newKeySet();

  private record Measured(Instant at, Optional<Overrun> overrun) {}

  /**
   * @param executor platform threads for the measurements; in tests the caller's own thread
   */
  public VolumeWatch(JobVolumes volumes, Executor executor, Clock clock) {
    this.volumes = volumes;
    this.executor = executor;
    this.clock = clock;
  }

  /**
   * Returns the result of the newest finished measurement. Begins another one if it is due. A
   * volume that the job hides counts as too large only after {@link #HIDDEN_LIMIT} measurements.
   */
  Optional<Overrun> newest(Job job) {
    Measured known = newest.get(job.id());
    boolean due =
        known == null || !clock.instant().isBefore(known.at().plus(volumes.lookInterval()));
    watched.add(job.id());
    if (due && measuring.add(job.id())) {
      begin(job);
    }
    return Optional.ofNullable(newest.get(job.id())).flatMap(Measured::overrun);
  }

  private void begin(Job job) {
    try {
      executor.execute(() -> measureBeside(job));
    } catch (RejectedExecutionException tooMany) {
      measuring.remove(job.id()); // the next step asks again
    }
  }

  private void measureBeside(Job job) {
    try {
      Optional<Overrun> overrun = measure(job).filter(over -> !isForgiven(job, over));
      newest.put(job.id(), new Measured(clock.instant(), overrun));
      if (!watched.contains(job.id())) {
        forget(job.id());
      }
    } finally {
      measuring.remove(job.id());
    }
  }

  private boolean isForgiven(Job job, Overrun over) {
    return switch (over) {
      case Overrun.Bytes _, Overrun.Files _ -> false;
      case Overrun.Hidden _ -> hidden.merge(job.id(), 1, Integer::sum) < HIDDEN_LIMIT;
    };
  }

  /**
   * Measures now. A volume that the machine keeps from being measured counts as not too large. The
   * log gets one line for it, however often it is measured, and another one when the volume can be
   * measured again.
   */
  Optional<Overrun> measure(Job job) {
    try {
      Optional<Overrun> overrun =
          volumes.overrun(
              job.folder(),
              RequestedVolumes.checkpointBytes(job.request()),
              RequestedVolumes.modelBytes(job.request()));
      if (overrun.filter(Overrun.Hidden.class::isInstance).isEmpty()) {
        hidden.remove(job.id());
      }
      if (unmeasured.remove(job.id())) {
        log.info("{} the volumes can be measured again", job.id());
      }
      return overrun;
    } catch (StorageException e) {
      if (unmeasured.add(job.id())) {
        log.warn(
            "{} the volumes cannot be measured, so it is not known whether they are too large: {}",
            job.id(),
            e.getMessage());
      }
      return Optional.empty();
    }
  }

  /** Returns the words for the user if the machine cannot measure the job's volumes now. */
  Optional<String> trouble(Job job) {
    return unmeasured.contains(job.id())
        ? Optional.of("its volumes cannot be measured now; the machine's disk does not let them")
        : Optional.empty();
  }

  /** Forgets the job, whose run is over. */
  void forget(JobId id) {
    hidden.remove(id);
    watched.remove(id);
    newest.remove(id);
    unmeasured.remove(id);
  }
}
