package io.gpurunner.agent.cli.client;

/** The agent refused a call. */
public final class AgentRefusedException extends CommandFailedException {
  private static final long serialVersionUID = 1L;

  private final int httpStatus;
  private final String reason;

  AgentRefusedException(int httpStatus, String reason, String hint) {
    super(ExitStatus.REFUSED, "the agent answered " + httpStatus + ": " + reason + hint);
    this.httpStatus = httpStatus;
    this.reason = reason;
  }

  public int httpStatus() {
    return httpStatus;
  }

  /** Returns the agent's own words. */
  public String reason() {
    return reason;
  }

  /**
   * Returns whether the answer leaves open what became of the call: an internal error, or a proxy
   * that lost the agent.
   */
  boolean leavesOpen() {
    return httpStatus == 501 || httpStatus == 502 || httpStatus == 504;
  }

  /** Returns whether the same call may succeed later: 429, 503, and what a proxy answers. */
  public boolean mayPass() {
    return httpStatus == 429 || httpStatus >= 500;
  }
}
