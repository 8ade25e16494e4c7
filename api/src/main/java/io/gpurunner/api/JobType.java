package io.gpurunner.api;

/** The frameworks that a job can name. Each has its own environment inside the container. */
public enum JobType {
  GENERAL("GeneralJob"),
  MPI("MPI"),
  PYTORCH("Pytorch"),
  TENSORFLOW("TensorFlow");

  private final String word;

  JobType(String word) {
    this.word = word;
  }

  /** Returns the word of the guide. */
  public String word() {
    return word;
  }
}
