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

/** What steps of all kinds answer. Stateless. */
final class Answers {
  private final JobLedger ledger;
  private final Clock clock;

  Answers(JobLedger ledger, Clock clock) {
    this.ledger = ledger;
    this.clock = clock;
  }

  /** The run is over, whether or not its container is. */
  StepOutcome ended(Ending ending) {
    return new Advance(new JobEvent.RunEnded(ending, clock.instant()));
  }

  Optional<StepOutcome> endWhereDeleted(Job job) {
    return job.deletion().map(wish -> ended(new Ending.DeletedBy(wish.by())));
  }

  /** Set once somebody wishes the job deleted. */
  Cancellation deletionOf(Job job) {
    return () -> ledger.findLive(job.id()).flatMap(Job::deletion).isPresent();
  }

  /**
   * Whether a wait is over that was never to be longer than that. One that is was begun under a
   * boot whose clock was ahead of this one's.
   */
  boolean isOver(Instant until, Duration longest) {
    Instant now = clock.instant();
    return !now.isBefore(until) || until.isAfter(now.plus(longest));
  }

  Wait waitForEngine(ContainerException e) {
    return new Wait(
        clock.instant().plus(RunSettings.ENGINE_PAUSE),
        Optional.of("waits for the container engine: " + e.getMessage()));
  }

  /** The files may be there later: no fault of the job. */
  Wait waitForFiles(StorageException e) {
    return new Wait(
        clock.instant().plus(RunSettings.FILES_PAUSE), Optional.of("waits: " + e.getMessage()));
  }

  Wait waitFor(Duration pause) {
    return new Wait(clock.instant().plus(pause));
  }
}
