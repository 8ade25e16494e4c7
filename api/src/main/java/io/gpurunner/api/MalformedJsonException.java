package io.gpurunner.api;

/** Text that is not the JSON this API takes. */
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

  /** What is accepted and what was there; fits behind "body: ". */
  String reason() {
    return reason;
  }
}
