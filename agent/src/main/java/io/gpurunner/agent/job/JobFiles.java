package io.gpurunner.agent.job;

/** The condition of a job's files on this machine. */
public enum JobFiles {
  /** The files are there, or will be. */
  KEPT,
  /** Retention is removing the files. Some may still be there, but none is used any more. */
  SWEEPING,
  /** Retention has removed the files. */
  SWEPT
}
