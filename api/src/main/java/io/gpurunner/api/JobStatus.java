package io.gpurunner.api;

import java.net.URI;
import java.util.Optional;

/**
 * A job's status as the guide defines it.
 *
 * @param url where to fetch the model; empty without SUCCESS, or if the model directory was empty
 */
public record JobStatus(Phase phase, Optional<URI> url) {
  /** The three words of the guide: {@code working}, {@code success}, {@code fail}. */
  public enum Phase {
    WORKING("working"),
    SUCCESS("success"),
    FAIL("fail");

    private final String word;

    Phase(String word) {
      this.word = word;
    }

    /** Returns the word of the guide. */
    public String word() {
      return word;
    }
  }
}
