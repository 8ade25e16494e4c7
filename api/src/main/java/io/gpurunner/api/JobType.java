package io.gpurunner.api;

/** The frameworks a job can name; each gets its own environment inside the container. */
public enum JobType {
  GENERAL,
  MPI,
  PYTORCH,
  TENSORFLOW
}
