package io.gpurunner.agent.callback;

/** The outcome of one try. Every outcome but {@link Delivered} is retried. */
public sealed interface CallbackResult {
  /** The receiver answered 2xx. The callback is delivered. */
  record Delivered(int status) implements CallbackResult {}

  /** The receiver answered with another status, for example a redirect. */
  record Rejected(int status, String reason) implements CallbackResult {}

  /** There was no answer: no connection, an untrusted certificate, or a timeout. */
  record Failed(String reason) implements CallbackResult {}

  /** The receiver's address may not be called; nothing was sent. */
  record Forbidden(String reason) implements CallbackResult {}
}
