package io.gpurunner.api;

/** The frameworks that a job can name. Each has its own environment inside the container. */
public enum JobType {
  GENERAL,
  MPI,
  PYTORCH,
  TENSORFLOW
}
