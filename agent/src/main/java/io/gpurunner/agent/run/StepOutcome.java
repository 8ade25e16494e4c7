package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobEvent;
import java.time.Instant;

/** What one step of a job came to. */
public sealed interface StepOutcome {
  /** Commit this, then step on. */
  record Advance(JobEvent event) implements StepOutcome {}

  /** An effect was made that needs no commit: step again at once. */
  record Again() implements StepOutcome {}

  /** Nothing to do before that time, unless something is heard of the job. */
  record Wait(Instant until) implements StepOutcome {}

  /** Not a runner's business: queued, or ended. */
  record Idle() implements StepOutcome {}
}
