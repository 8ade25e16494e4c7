package io.gpurunner.agent.ledger;

import io.gpurunner.api.JobId;

/** The outcome of a request to create a job. */
public sealed interface Creation {
  /** The job that is there now. */
  JobId id();

  /** A new job. */
  record Created(JobId id) implements Creation {}

  /** The job that the same key and body made before. */
  record Existing(JobId id) implements Creation {}

  /** The key was used before with another body. */
  record KeyReused(JobId id) implements Creation {}
}
