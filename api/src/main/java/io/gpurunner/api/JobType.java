package io.gpurunner.api;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

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

  /** Reads a word of the guide in any case, or {@code General}, which the cloud takes as well. */
  static Optional<JobType> parse(String text) {
    String word = text.toLowerCase(Locale.ROOT);
    return word.equals("general")
        ? Optional.of(GENERAL)
        : Arrays.stream(values())
            .filter(type -> type.word.toLowerCase(Locale.ROOT).equals(word))
            .findFirst();
  }

  /** Returns the word of the guide. */
  public String word() {
    return word;
  }
}
