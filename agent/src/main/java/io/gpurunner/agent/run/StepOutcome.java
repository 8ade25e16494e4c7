package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobEvent;
import java.time.Instant;
import java.util.Optional;

/** What one step of a job came to. */
public sealed interface StepOutcome {
  /** Commit this, then step on. */
  record Advance(JobEvent event) implements StepOutcome {}

  /** An effect was made that needs no commit: step again at once. */
  record Again() implements StepOutcome {}

  /**
   * Nothing to do before that time, unless something is heard of the job.
   *
   * @param missing what it cannot go on without, for its user
   */
  record Wait(Instant until, Optional<String> missing) implements StepOutcome {
    Wait(Instant until) {
      this(until, Optional.empty());
    }
  }

  /** Not a runner's business: queued, or ended. */
  record Idle() implements StepOutcome {}
}
