package io.gpurunner.storage;

import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The S3 bucket and how to reach it.
 *
 * @param endpoint empty for Amazon's own endpoint of the region
 * @param pathStyle whether the bucket is named in the path (most S3-compatible stores) rather than
 *     in the host name
 * @param accessKeyFile holds the access key id; read for each request
 * @param secretKeyFile holds the secret key; read for each request
 */
public record S3Settings(
    Optional<URI> endpoint,
    String region,
    String bucket,
    boolean pathStyle,
    Path accessKeyFile,
    Path secretKeyFile,
    Checksums checksums) {

  /** The requests that carry the newer checksum headers of Amazon's S3. */
  public enum Checksums {
    /** Only the requests for which the protocol demands a checksum. All stores understand that. */
    WHEN_REQUIRED,
    /** Every upload. Ceph before 18 and other older stores refuse the headers. */
    WHEN_SUPPORTED
  }

  /** Creates settings with the checksums that every store understands. */
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

  /** Returns the bucket's place. */
  public ArtifactPlace.Bucket place() {
    return new ArtifactPlace.Bucket(endpoint, region, bucket);
  }
}
