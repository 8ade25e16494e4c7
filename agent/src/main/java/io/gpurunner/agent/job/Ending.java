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
   * @param explained whether the fault is known to be the machine's; if not, it counts against the
   *     job ({@link Setback})
   */
  record NotStarted(String reason, boolean explained) implements Ending {}

  /** A user deleted the job ({@code job_del}). */
  record DeletedBy(String user) implements Ending {}
}
