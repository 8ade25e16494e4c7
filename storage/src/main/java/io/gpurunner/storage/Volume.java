package io.gpurunner.storage;

/** The two directories that a job writes to. */
public enum Volume {
  CHECKPOINT,
  MODEL
}
