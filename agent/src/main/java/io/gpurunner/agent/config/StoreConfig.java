package io.gpurunner.agent.config;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Where finished jobs' artifacts go.
 *
 * @param urlExpiry how long a signed URL works; at most seven days with {@link Type#S3}
 * @param retryFor how long an upload is tried before the job fails for it
 * @param s3 what is known of the bucket; complete (bucket and both key files) with {@link Type#S3}
 */
public record StoreConfig(Type type, Duration urlExpiry, Duration retryFor, S3Config s3) {
  /** The kinds of stores. */
  public enum Type {
    LOCAL,
    S3
  }

  /** When request bodies carry a checksum, and answers' checksums are verified. */
  public enum Checksums {
    /** Only where the operation demands one; the choice that older S3 servers understand. */
    WHEN_REQUIRED,
    /** Wherever the operation can carry one. */
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
