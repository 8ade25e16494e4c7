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
 * @param proxy the HTTP proxy that every request goes through; empty: none
 * @param trust judges the server's certificate
 */
public record S3Settings(
    Optional<URI> endpoint,
    String region,
    String bucket,
    boolean pathStyle,
    Path accessKeyFile,
    Path secretKeyFile,
    Checksums checksums,
    Optional<URI> proxy,
    ServerTrust trust) {

  /** The checksums that requests with a body carry. */
  public enum Checksums {
    /** None at first. If the store asks for one, each body's MD5. */
    AUTO,
    /** Only those that the protocol demands. All stores understand that. */
    WHEN_REQUIRED,
    /** The newer ones of Amazon's S3. Some older stores refuse their headers. */
    WHEN_SUPPORTED
  }

  /** Creates settings for a store that is reached directly, with the checksums that it asks for. */
  public S3Settings(
      Optional<URI> endpoint,
      String region,
      String bucket,
      boolean pathStyle,
      Path accessKeyFile,
      Path secretKeyFile) {
    this(
        endpoint,
        region,
        bucket,
        pathStyle,
        accessKeyFile,
        secretKeyFile,
        Checksums.AUTO,
        Optional.empty(),
        new ServerTrust(Optional.empty()));
  }

  /** Returns the bucket's place. */
  public ArtifactPlace.Bucket place() {
    return new ArtifactPlace.Bucket(endpoint, region, bucket);
  }
}
