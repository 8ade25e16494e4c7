package io.gpurunner.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * The store for the artifacts of finished jobs.
 *
 * @param urlExpiry how long a signed URL works; at most seven days with {@link Type#S3}
 * @param retryFor how long an upload is tried before the job fails
 * @param s3 the settings of the bucket; complete (bucket and both key files) with {@link Type#S3}
 */
public record StoreConfig(Type type, Duration urlExpiry, Duration retryFor, S3Config s3) {
  /** The kinds of stores. */
  public enum Type {
    LOCAL,
    S3
  }

  /** When request bodies carry a checksum, and the checksums of answers are verified. */
  public enum Checksums {
    /** Only if the operation demands one. Older S3 servers understand this choice. */
    WHEN_REQUIRED,
    /** Whenever the operation can carry one. */
    WHEN_SUPPORTED
  }

  /**
   * An S3 bucket.
   *
   * @param endpoint the server; Amazon's own for the region where empty
   * @param pathStyle {@code endpoint/bucket/key} rather than {@code bucket.endpoint/key}
   * @param accessKeyFile file that holds the access key
   * @param secretKeyFile file that holds the secret key
   */
  public record S3Config(
      Optional<URI> endpoint,
      String region,
      Optional<String> bucket,
      boolean pathStyle,
      Optional<Path> accessKeyFile,
      Optional<Path> secretKeyFile,
      Checksums checksums) {}
}
