package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobEvent;
import java.time.Instant;
import java.util.Optional;

/** The outcome of one step of a job. */
public sealed interface StepOutcome {
  /** Commit this event, then make the next step. */
  record Advance(JobEvent event) implements StepOutcome {}

  /** The step had an effect that needs no commit. Make the next step at once. */
  record Again() implements StepOutcome {}

  /**
   * There is nothing to do before this time, unless the job is woken earlier.
   *
   * @param missing what the job waits for, as its user reads it
   */
  record Wait(Instant until, Optional<String> missing) implements StepOutcome {
    Wait(Instant until) {
      this(until, Optional.empty());
    }
  }

  /** The runner has nothing to do: the job is queued or has ended. */
  record Idle() implements StepOutcome {}
}
