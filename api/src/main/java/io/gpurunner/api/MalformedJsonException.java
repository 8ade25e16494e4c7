package io.gpurunner.api;

/** The text is not JSON that this API accepts. */
final class MalformedJsonException extends Exception {
  private static final long serialVersionUID = 1L;

  private final String reason;

  MalformedJsonException(String reason) {
    super(reason);
    this.reason = reason;
  }

  MalformedJsonException(String reason, Throwable cause) {
    super(reason, cause);
    this.reason = reason;
  }

  /** Returns what is accepted and what was sent, as a text that follows "body: ". */
  String reason() {
    return reason;
  }
}
