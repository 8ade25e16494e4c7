package io.gpurunner.api;

/** What the machine says of a callback URL when a job is submitted. Immutable. */
public sealed interface CallbackVerdict {
  /** It may be called. */
  record Allowed() implements CallbackVerdict {}

  /**
   * It cannot be judged now; it is judged at every try, and the job is taken.
   *
   * @param note why, for the job's events
   */
  record NotJudged(String note) implements CallbackVerdict {}

  /**
   * It may not be called.
   *
   * @param reason the rule, the address, and how an administrator allows it
   */
  record Refused(String reason) implements CallbackVerdict {}
}
