package io.gpurunner.agent.job;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;

/** The reason why a run ends. It decides how the job goes on once its container is gone. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "ending")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Ending.Completed.class, name = "completed"),
  @JsonSubTypes.Type(value = Ending.TimeUp.class, name = "time-up"),
  @JsonSubTypes.Type(value = Ending.Broken.class, name = "broken"),
  @JsonSubTypes.Type(value = Ending.NotStarted.class, name = "not-started"),
  @JsonSubTypes.Type(value = Ending.DeletedBy.class, name = "deleted")
})
public sealed interface Ending {
  /** The container ended by itself with exit code 0. */
  record Completed() implements Ending {}

  /** The stop time was reached. This is a success. */
  record TimeUp() implements Ending {}

  /**
   * The run failed.
   *
   * @param reason the words for the user
   * @param retryable whether the job is started again if it has retries left
   */
  record Broken(String reason, boolean retryable) implements Ending {}

  /**
   * The container was never started, and the job is not known to be at fault. It goes back to its
   * place in the queue, and the same run is tried again.
   *
   * @param reason the words for the user
   * @param cause what prevented the start; the job's {@link Setback} counts by it
   */
  record NotStarted(String reason, Cause cause) implements Ending {}

  /** What prevents a start. */
  enum Cause {
    /** The machine. That is waited for without end. */
    MACHINE,
    /** A registry that fails. That is waited for until {@code images.retry-for} is over. */
    REGISTRY,
    /** Nothing known. A job whose start fails so again and again has failed. */
    UNKNOWN
  }

  /** A user deleted the job ({@code job_del}). */
  record DeletedBy(String user) implements Ending {}
}
