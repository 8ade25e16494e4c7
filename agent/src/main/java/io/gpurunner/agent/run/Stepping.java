package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.JobId;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One turn of a job's loop: makes the next step, and commits its outcome. Holds nothing about a
 * job. Thread-safe; blocks for a bounded time.
 */
final class Stepping {
  /** The pause after an unexpected error in a step, and after a failed commit. */
  static final Duration FAULT_PAUSE = Duration.ofSeconds(5);

  private static final Logger log = LoggerFactory.getLogger(Stepping.class);

  private final JobLedger ledger;
  private final Function<Job, StepOutcome> steps;
  private final BiConsumer<Job, JobEvent> enforcing;
  private final Clock clock;

  /** When the next turn is. */
  sealed interface Next {
    /** The next turn is now. */
    record Now() implements Next {}

    /**
     * The next turn is after a pause, unless the job is woken earlier.
     *
     * @param missing what the job waits for, as its user reads it
     */
    record Later(Duration pause, Optional<String> missing) implements Next {}

    /** There is no next turn, because the job needs no loop. */
    record Never() implements Next {}
  }

  /**
   * @param steps makes a step of a job that was read just now
   * @param enforcing does what an event that could not be committed calls for, if it cannot wait
   *     until the ledger can be written
   */
  Stepping(
      JobLedger ledger,
      Function<Job, StepOutcome> steps,
      BiConsumer<Job, JobEvent> enforcing,
      Clock clock) {
    this.ledger = ledger;
    this.steps = steps;
    this.enforcing = enforcing;
    this.clock = clock;
  }

  /** Returns whether the job has steps to make now. */
  static boolean concerns(Job job) {
    return switch (job.state()) {
      case JobState.Placed _, JobState.Uploading _ -> true;
      case JobState.Queued _, JobState.Final _ -> false;
    };
  }

  /**
   * Makes a step of the job as it is in the ledger. An exception of the step is logged and not
   * thrown. The next turn is then after a pause.
   */
  Next stepOnce(JobId id) {
    Optional<Job> job = ledger.findLive(id).filter(Stepping::concerns);
    return job.isEmpty() ? new Next.Never() : step(job.get());
  }

  private Next step(Job job) {
    try {
      return switch (steps.apply(job)) {
        case StepOutcome.Advance advance -> {
          Job next = commit(job, advance.event());
          report(job, next, advance.event());
          yield new Next.Now();
        }
        case StepOutcome.Again _ -> new Next.Now();
        case StepOutcome.Wait wait ->
            new Next.Later(Duration.between(clock.instant(), wait.until()), wait.missing());
        case StepOutcome.Idle _ -> new Next.Never();
      };
    } catch (LedgerException e) {
      if (e.kind() == LedgerException.Kind.STALE && hasMoved(job)) {
        return new Next.Now(); // another commit came first: read the job again
      }
      log.error(
          "{} the outcome of a step could not be committed, trying again in {} s: {}",
          job.id(),
          FAULT_PAUSE.toSeconds(),
          e.getMessage());
      return new Next.Later(FAULT_PAUSE, Optional.empty());
    } catch (RuntimeException e) {
      log.error(
          "{} unexpected error in {}, trying again in {} s",
          job.id(),
          job.state().label(),
          FAULT_PAUSE.toSeconds(),
          e);
      return new Next.Later(FAULT_PAUSE, Optional.empty());
    }
  }

  private Job commit(Job job, JobEvent event) {
    try {
      return ledger.apply(job, event);
    } catch (LedgerException e) {
      if (e.kind() != LedgerException.Kind.STALE) {
        enforcing.accept(job, event);
      }
      throw e;
    }
  }

  /**
   * Returns whether the job has another version now. If not, the commit failed for no good reason.
   */
  private boolean hasMoved(Job job) {
    return ledger
        .findLive(job.id())
        .filter(current -> current.version() == job.version())
        .isEmpty();
  }

  private void report(Job before, Job next, JobEvent event) {
    String from = before.state().label();
    String to = next.state().label();
    String way = from.equals(to) ? from : from + " → " + to;
    switch (next.state()) {
      case JobState.Failed failed when failed.uploadable() ->
          log.warn("{} {}: {}", next.id(), way, failed.reason());
      case JobState.Failed failed -> log.info("{} {}: {}", next.id(), way, failed.reason());
      case JobState.Live _, JobState.Succeeded _, JobState.Deleted _ ->
          log.info(
              "{} {}: {}", next.id(), way, JobHistory.describe(event, clock.instant()).message());
    }
  }
}
