package io.gpurunner.api;

import java.time.Duration;
import java.util.Optional;

/**
 * A request that is refused for a reason the client should read. The root of this module's
 * exceptions.
 */
public final class RequestRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of refusal; {@code ErrorAnswers} alone turns it into an HTTP status. */
  public enum Kind {
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE
  }

  private final Kind kind;
  private final transient Optional<Duration> retryAfter;

  /**
   * @param message names the thing, what was wrong, what is accepted and what to do next
   */
  public RequestRefusedException(Kind kind, String message) {
    super(message);
    this.kind = kind;
    this.retryAfter = Optional.empty();
  }

  /**
   * @param retryAfter when it is worth trying again
   */
  public RequestRefusedException(Kind kind, String message, Duration retryAfter) {
    super(message);
    this.kind = kind;
    this.retryAfter = Optional.of(retryAfter);
  }

  public Kind kind() {
    return kind;
  }

  public Optional<Duration> retryAfter() {
    return retryAfter;
  }
}
