package io.gpurunner.storage;

import java.net.URI;
import java.util.Optional;

/**
 * The place where a store puts artifacts. It is recorded with each job, so that its artifacts are
 * found even if another store is configured later.
 */
public sealed interface ArtifactPlace {
  /**
   * Returns whether artifacts at this place use the disk of this machine that jobs' directories are
   * on.
   */
  default boolean isOnThisMachine() {
    return switch (this) {
      case Local _ -> true;
      case Bucket _ -> false;
    };
  }

  /** The directory of the local store of the agent that recorded it. */
  record Local() implements ArtifactPlace {}

  /**
   * An S3 bucket.
   *
   * @param endpoint empty: Amazon's own for the region
   */
  record Bucket(Optional<URI> endpoint, String region, String name) implements ArtifactPlace {
    /**
     * Returns whether another bucket is on the same server, where the same access keys are valid.
     */
    public boolean sharesServerWith(Bucket other) {
      return endpoint.equals(other.endpoint)
          && (endpoint.isPresent() || region.equals(other.region));
    }

    /** Returns a name for messages: {@code S3 bucket models at https://s3.example.org}. */
    public String description() {
      return "S3 bucket %s at %s"
          .formatted(name, endpoint.map(URI::toString).orElse("Amazon, " + region));
    }
  }
}
