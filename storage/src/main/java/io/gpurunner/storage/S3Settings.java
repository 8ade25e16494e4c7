package io.gpurunner.storage;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the S3 bucket is and how to talk to it.
 *
 * @param endpoint empty: Amazon's own for the region
 * @param pathStyle whether the bucket is named in the path (most S3-compatible stores) rather than
 *     in the host name
 * @param accessKeyFile holds the access key id; read once, when the store is opened
 * @param secretKeyFile holds the secret key; read once, when the store is opened
 */
public record S3Settings(
    Optional<URI> endpoint,
    String region,
    String bucket,
    boolean pathStyle,
    Path accessKeyFile,
    Path secretKeyFile,
    Checksums checksums) {

  /** When the newer checksum headers of Amazon's S3 are sent. */
  public enum Checksums {
    /** Only where the protocol demands one; what S3-compatible stores understand. */
    WHEN_REQUIRED,
    /** With every upload; Ceph before 18 and other older stores refuse them. */
    WHEN_SUPPORTED
  }

  /** With the checksums that every store understands. */
  public S3Settings(
      Optional<URI> endpoint,
      String region,
      String bucket,
      boolean pathStyle,
      Path accessKeyFile,
      Path secretKeyFile) {
    this(
        endpoint, region, bucket, pathStyle, accessKeyFile, secretKeyFile, Checksums.WHEN_REQUIRED);
  }

  /** The bucket's place. */
  public ArtifactPlace.Bucket place() {
    return new ArtifactPlace.Bucket(endpoint, region, bucket);
  }
}
