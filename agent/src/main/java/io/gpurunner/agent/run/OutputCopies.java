package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.OutputKeeper;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the outputs of runs copied: while a container runs, and to the end after it has ended.
 * Thread-safe.
 */
final class OutputCopies {
  /**
   * How long the engine is read at least, also if the time for the whole copy is over: the engine
   * may have been away for all of it.
   */
  private static final Duration LEAST_READING = Duration.ofSeconds(15);

  private static final Logger log = LoggerFactory.getLogger(OutputCopies.class);

  private final OutputKeeper keeper;
  private final JobVolumes volumes;
  private final JobLedger ledger;
  private final Clock clock;

  /** When this agent began to complete the copy of each run. */
  private final Map<ContainerName, Instant> completedSince = new ConcurrentHashMap<>();

  /** The runs of which the history says that the end of their output is lost. */
  private final Set<ContainerName> lost = ConcurrentHashMap.newKeySet();

  OutputCopies(OutputKeeper keeper, JobVolumes volumes, JobLedger ledger, Clock clock) {
    this.keeper = keeper;
    this.volumes = volumes;
    this.ledger = ledger;
    this.clock = clock;
  }

  /** Begins to copy what a container prints, if that has not begun. Never blocks. */
  void follow(Job job, JobState.Placed state, ContainerRef container) {
    keeper.follow(container, directory(job, state));
  }

  private Path directory(Job job, JobState.Placed state) {
    return OutputDirectory.of(volumes.paths(job.folder()), state.attempt());
  }

  /**
   * Completes the copy of an ended container's output. A failure throws, so that the step is made
   * again, until {@link RunSettings#OUTPUT_LIMIT} is over. After that the GPUs matter more than the
   * output, and the history says what is lost. The time in which the agent was down does not count.
   * An engine that does not answer at all already fails the look before.
   */
  void finish(Job job, JobState.Stopping state, ContainerRef container) {
    Instant since = completedSince.computeIfAbsent(container.name(), _ -> clock.instant());
    try {
      keeper.finish(container, directory(job, state), atLeast(LEAST_READING, timeLeft(since)));
    } catch (ContainerException e) {
      if (timeLeft(since).isPositive()) {
        throw e;
      }
      if (lost.add(container.name())) {
        ledger.note(
            job.id(), "output-lost", "the end of its output could not be kept: " + e.words());
      }
    }
  }

  private Duration timeLeft(Instant since) {
    return RunSettings.OUTPUT_LIMIT.minus(Duration.between(since, clock.instant()));
  }

  private static Duration atLeast(Duration least, Duration time) {
    return time.compareTo(least) < 0 ? least : time;
  }

  /** Ends the copy of a run whose container is gone, if the run had begun. */
  void abandon(Job job, JobState.Stopping state, ContainerRef container) {
    completedSince.remove(container.name());
    lost.remove(container.name());
    if (state.ending() instanceof Ending.NotStarted) {
      return; // the same attempt begins again
    }
    try {
      keeper.abandon(container, directory(job, state));
    } catch (ContainerException | StorageException e) {
      log.warn("{} its output could not be completed: {}", job.id(), e.getMessage());
    }
  }
}
