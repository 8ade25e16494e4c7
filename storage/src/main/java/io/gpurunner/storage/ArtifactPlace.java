package io.gpurunner.storage;

import java.net.URI;
import java.util.Optional;

/**
 * Where a store puts artifacts. It is recorded with each job, so that they are found also once
 * another store is configured.
 */
public sealed interface ArtifactPlace {
  /** The local store's directory, of the agent that recorded it. */
  record Local() implements ArtifactPlace {}

  /**
   * An S3 bucket.
   *
   * @param endpoint empty: Amazon's own for the region
   */
  record Bucket(Optional<URI> endpoint, String region, String name) implements ArtifactPlace {
    /** Whether another bucket is on the same server, where the same keys are known. */
    public boolean sharesServerWith(Bucket other) {
      return endpoint.equals(other.endpoint)
          && (endpoint.isPresent() || region.equals(other.region));
    }

    /** A word for people: {@code S3 bucket models at https://s3.example.org}. */
    public String description() {
      return "S3 bucket %s at %s"
          .formatted(name, endpoint.map(URI::toString).orElse("Amazon, " + region));
    }
  }
}
