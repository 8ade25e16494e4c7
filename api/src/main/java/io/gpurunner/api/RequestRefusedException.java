package io.gpurunner.api;

import java.time.Duration;
import java.util.Optional;

/** The refusal of a request, with a reason for the client. It is the exception of this module. */
public final class RequestRefusedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The kind of refusal. {@code ErrorAnswers} alone turns it into an HTTP status. */
  public enum Kind {
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TIMED_OUT,
    CONFLICT,
    TOO_LARGE,
    URI_TOO_LONG,
    UNSUPPORTED_ENCODING,
    RANGE_NOT_SATISFIABLE,
    TOO_MANY,
    HEADERS_TOO_LARGE,
    UNAVAILABLE
  }

  private final Kind kind;
  private final String message;
  private final transient Optional<Duration> retryAfter;

  /**
   * @param message names the thing, what was wrong, what is accepted and what to do next
   */
  public RequestRefusedException(Kind kind, String message) {
    this(kind, message, Optional.empty());
  }

  /**
   * @param retryAfter the time after which a retry may help
   */
  public RequestRefusedException(Kind kind, String message, Duration retryAfter) {
    this(kind, message, Optional.of(retryAfter));
  }

  private RequestRefusedException(Kind kind, String message, Optional<Duration> retryAfter) {
    // It has no stack trace, because it is an answer to a client and not a fault of the agent.
    super(message, null, false, false);
    this.kind = kind;
    this.message = message;
    this.retryAfter = retryAfter;
  }

  public Kind kind() {
    return kind;
  }

  @Override
  public String getMessage() {
    return message;
  }

  public Optional<Duration> retryAfter() {
    return retryAfter;
  }
}
