package io.gpurunner.agent.job;

/** An event came in a state in which it cannot happen. This is always a defect of the program. */
public final class IllegalTransitionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  IllegalTransitionException(JobState state, JobEvent event) {
    super(event + " cannot follow " + state);
  }
}
