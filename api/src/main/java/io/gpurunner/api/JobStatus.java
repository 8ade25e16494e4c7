package io.gpurunner.api;

import java.net.URI;
import java.util.Optional;

/**
 * A job's status as the guide knows it.
 *
 * @param url where to fetch the model; only with SUCCESS, and absent where the model directory was
 *     empty
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

    /** The word on the wire. */
    public String word() {
      return word;
    }
  }
}
