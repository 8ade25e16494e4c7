package io.gpurunner.agent.job;

/** What is left of a finished job's files on this machine. */
public enum JobFiles {
  /** They are there, or will be. */
  KEPT,
  /** Retention is removing them: some may be there, none counts. */
  SWEEPING,
  /** Retention removed them. */
  SWEPT
}
