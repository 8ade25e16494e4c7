package io.gpurunner.agent.run;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Creates the outcomes that steps of all kinds have in common. Stateless; thread-safe. */
final class CommonOutcomes {
  private final JobLedger ledger;
  private final Clock clock;

  CommonOutcomes(JobLedger ledger, Clock clock) {
    this.ledger = ledger;
    this.clock = clock;
  }

  /** Ends the run. Its container may still exist. */
  StepOutcome ended(Ending ending) {
    return new Advance(new JobEvent.RunEnded(ending, clock.instant()));
  }

  /** Ends the run if the deletion of the job was requested. */
  Optional<StepOutcome> endIfDeleted(Job job) {
    return job.deletion().map(request -> ended(new Ending.DeletedBy(request.by())));
  }

  /** Returns a cancellation that is set as soon as a deletion of the job is requested. */
  Cancellation deletionOf(Job job) {
    return () -> ledger.findLive(job.id()).flatMap(Job::deletion).isPresent();
  }

  /**
   * Returns whether a wait is over. A wait that would last longer than {@code longest} is over at
   * once: it began under a boot whose clock was ahead of the clock of this boot.
   */
  boolean isOver(Instant until, Duration longest) {
    Instant now = clock.instant();
    return !now.isBefore(until) || until.isAfter(now.plus(longest));
  }

  /** Waits for the container engine, which did not answer or refused. */
  Wait waitForEngine(ContainerException e) {
    return new Wait(
        clock.instant().plus(RunSettings.ENGINE_PAUSE),
        Optional.of("waits for the container engine: " + e.getMessage()));
  }

  /** Waits for the job's files. They may come back, so the job does not fail. */
  Wait waitForFiles(StorageException e) {
    return new Wait(
        clock.instant().plus(RunSettings.FILES_PAUSE), Optional.of("waits: " + e.getMessage()));
  }

  Wait waitFor(Duration pause) {
    return new Wait(clock.instant().plus(pause));
  }
}
