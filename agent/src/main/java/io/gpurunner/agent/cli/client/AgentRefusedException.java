package io.gpurunner.agent.cli.client;

import java.time.Duration;
import java.util.Optional;

/** The agent refused a call. */
public final class AgentRefusedException extends CommandFailedException {
  private static final long serialVersionUID = 1L;

  /** The pause before the same call, if the agent does not say how long it should be. */
  private static final Duration USUAL_PAUSE = Duration.ofSeconds(1);

  private final int httpStatus;
  private final String reason;
  private final Duration pause;
  private final boolean asksToWait;

  /**
   * @param retryAfter the header of the answer: a number of seconds, or what means nothing here
   */
  AgentRefusedException(int httpStatus, String reason, String hint, Optional<String> retryAfter) {
    super(ExitStatus.REFUSED, "the agent answered " + httpStatus + ": " + reason + hint);
    this.httpStatus = httpStatus;
    this.reason = reason;
    Optional<Duration> asked =
        retryAfter
            .filter(text -> text.matches("[1-9][0-9]{0,8}"))
            .map(seconds -> Duration.ofSeconds(Long.parseLong(seconds)));
    this.pause = asked.orElse(USUAL_PAUSE);
    this.asksToWait = httpStatus == 503 && asked.isPresent();
  }

  public int httpStatus() {
    return httpStatus;
  }

  /** Returns the agent's own words. */
  public String reason() {
    return reason;
  }

  /** Returns how long the agent asks to wait before the same call. */
  Duration pause() {
    return pause;
  }

  /**
   * Returns whether the answer leaves open what became of the call: an internal error, or a proxy
   * that lost the agent.
   */
  public boolean leavesOpen() {
    return httpStatus == 501 || lostAgent();
  }

  /** Returns whether a proxy answered, because it did not reach the agent. */
  boolean lostAgent() {
    return httpStatus == 502 || httpStatus == 504;
  }

  /** Returns whether this user has too many other calls under way. It comes before any effect. */
  boolean isBusy() {
    return httpStatus == 429;
  }

  /** Returns whether the answer is 503 and says how long to wait. */
  boolean asksToWait() {
    return asksToWait;
  }

  /** Returns whether the same call may succeed later: 429, 503, and what a proxy answers. */
  public boolean mayPass() {
    return httpStatus == 429 || httpStatus >= 500;
  }
}
