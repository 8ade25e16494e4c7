package io.gpurunner.agent.callback;

/** What came of one try. Everything but {@link Delivered} is worth another. */
public sealed interface CallbackResult {
  /** The receiver answered 2xx; nothing more is owed. */
  record Delivered(int status) implements CallbackResult {}

  /** The receiver answered something else, a redirect included. */
  record Rejected(int status, String reason) implements CallbackResult {}

  /** No answer: no connection, no trust, no time. */
  record Failed(String reason) implements CallbackResult {}

  /** The receiver's address may not be called; nothing was sent. */
  record Forbidden(String reason) implements CallbackResult {}
}
