package io.gpurunner.storage;

/** The two directories a job writes to. */
public enum Volume {
  CHECKPOINT,
  MODEL
}
