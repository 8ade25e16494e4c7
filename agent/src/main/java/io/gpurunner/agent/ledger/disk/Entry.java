package io.gpurunner.agent.ledger.disk;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Setback;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A decision about a job, in the form in which the journal keeps it. An entry holds what the job is
 * afterwards, so applying it needs no rules of the job's life.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "entry")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Entry.Created.class, name = "created"),
  @JsonSubTypes.Type(value = Entry.Changed.class, name = "changed"),
  @JsonSubTypes.Type(value = Entry.Noted.class, name = "noted"),
  @JsonSubTypes.Type(value = Entry.Tried.class, name = "tried"),
  @JsonSubTypes.Type(value = Entry.Forgotten.class, name = "forgotten")
})
public sealed interface Entry {
  /** The job that the decision is about. */
  JobId id();

  /** The job's number in the order of creation. */
  long sequence();

  /**
   * A new job.
   *
   * @param key the idempotency key it was sent with
   * @param lines the first lines of its history
   */
  record Created(Job job, Optional<Key> key, List<JobHistory.Line> lines) implements Entry {
    public Created {
      lines = List.copyOf(lines);
    }

    @Override
    public JobId id() {
      return job.id();
    }

    @Override
    public long sequence() {
      return job.sequence();
    }
  }

  /**
   * A job has another state, a deletion request, or other files.
   *
   * @param version the version of the job after the change
   * @param owed the callback that reports the end which this change is
   */
  record Changed(
      JobId id,
      long sequence,
      long version,
      JobState state,
      Optional<Job.Deletion> deletion,
      Optional<Setback> setback,
      JobFiles files,
      List<GpuUse> gpuUse,
      List<JobHistory.Line> lines,
      Optional<Owed> owed)
      implements Entry {
    public Changed {
      gpuUse = gpuUse == null ? List.of() : List.copyOf(gpuUse); // from before it was kept
      lines = List.copyOf(lines);
    }
  }

  /** A job has one more line of history. */
  record Noted(JobId id, long sequence, JobHistory.Line line) implements Entry {}

  /**
   * A callback was tried, or its next try was moved.
   *
   * @param callback the callback as it is afterwards
   * @param line what the history says of the try; empty where only its time was moved
   */
  record Tried(JobId id, long sequence, CallbackRecord callback, Optional<JobHistory.Line> line)
      implements Entry {}

  /** The record of a job is removed. */
  record Forgotten(JobId id, long sequence) implements Entry {}

  /**
   * An idempotency key.
   *
   * @param digest SHA-256 of the body in a form in which equal bodies are equal texts, hexadecimal
   */
  record Key(String key, String digest) {}

  /**
   * A callback that is owed from now on.
   *
   * @param deliveryId the same at every try
   * @param success what it reports
   * @param at when it was first due
   */
  record Owed(String deliveryId, boolean success, Instant at) {}
}
