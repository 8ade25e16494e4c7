package io.gpurunner.api;

/** The machine's verdict on a callback URL when a job is submitted. Immutable. */
public sealed interface CallbackVerdict {
  /** The URL may be called. */
  record Allowed() implements CallbackVerdict {}

  /**
   * The URL cannot be judged now. The job is taken, and the URL is judged at every try.
   *
   * @param note why, for the job's events
   */
  record NotJudged(String note) implements CallbackVerdict {}

  /**
   * The URL may not be called.
   *
   * @param reason the rule, the address, and how an administrator allows it
   */
  record Refused(String reason) implements CallbackVerdict {}
}
