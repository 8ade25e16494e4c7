package io.gpurunner.agent.config;

import io.gpurunner.storage.S3Settings.Checksums;
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
  /** Amazon's limit for a URL signed with AWS Signature Version 4. */
  private static final Duration MAX_S3_URL_EXPIRY = Duration.ofDays(7);

  private static final Duration ONE_SECOND = Duration.ofSeconds(1);

  /** The kinds of stores. */
  public enum Type {
    LOCAL,
    S3
  }

  static StoreConfig read(Section section) {
    Type type = section.value("type", Type.LOCAL, ValueForms.word(Type.class));
    Duration expiry =
        section.value(
            "url-expiry",
            Duration.ofDays(7),
            ValueForms.duration(ONE_SECOND, Duration.ofDays(3_650)));
    if (type == Type.S3 && expiry.compareTo(MAX_S3_URL_EXPIRY) > 0) {
      section.error(
          "url-expiry",
          "was "
              + ValueForms.write(expiry)
              + "; accepted: at most "
              + ValueForms.write(MAX_S3_URL_EXPIRY)
              + " with store.type s3, the limit of S3 signatures");
    }
    Duration retryFor =
        section.value(
            "retry-for", Duration.ofDays(1), ValueForms.duration(ONE_SECOND, Duration.ofDays(30)));
    S3Config s3 = section.section("s3", keys -> S3Config.read(keys, type == Type.S3));
    return new StoreConfig(type, expiry, retryFor, s3);
  }

  /**
   * An S3 bucket.
   *
   * @param endpoint the server; empty for Amazon's own of the region
   * @param pathStyle {@code endpoint/bucket/key} rather than {@code bucket.endpoint/key}
   * @param accessKeyFile file that holds the access key
   * @param secretKeyFile file that holds the secret key
   * @param proxy the HTTP proxy to the server
   */
  public record S3Config(
      Optional<URI> endpoint,
      String region,
      Optional<String> bucket,
      boolean pathStyle,
      Optional<Path> accessKeyFile,
      Optional<Path> secretKeyFile,
      Checksums checksums,
      Optional<URI> proxy) {
    private static final ValueForm<String> REGION =
        ValueForms.text("1 to 64 letters, digits and dashes", "[A-Za-z0-9-]{1,64}");

    private static final ValueForm<String> BUCKET =
        ValueForms.text(
            "a bucket name of 3 to 63 letters, digits, single dots, dashes and underscores, which is no"
                + " IP address",
            "(?!.*\\.\\.)(?![0-9]+(?:\\.[0-9]+){3}$)[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]");

    static S3Config read(Section section, boolean needed) {
      S3Config config =
          new S3Config(
              section.optional("endpoint", ValueForms.HTTP_URL),
              section.value("region", "us-east-1", REGION),
              section.optional("bucket", BUCKET),
              section.value("path-style", true, ValueForms.BOOLEAN),
              section.existingFile("access-key-file"),
              section.existingFile("secret-key-file"),
              section.value("checksums", Checksums.AUTO, ValueForms.word(Checksums.class)),
              section.optional("proxy", ValueForms.PROXY));
      if (needed) {
        require(section, "bucket", config.bucket(), BUCKET.accepted());
        require(section, "access-key-file", config.accessKeyFile(), "the path of a file");
        require(section, "secret-key-file", config.secretKeyFile(), "the path of a file");
        config
            .bucket()
            .ifPresent(
                bucket ->
                    config
                        .endpoint()
                        .ifPresent(
                            endpoint -> S3Endpoint.check(section, config, bucket, endpoint)));
      }
      return config;
    }

    private static void require(Section section, String key, Optional<?> value, String accepted) {
      if (value.isEmpty()) {
        section.error(key, "is missing, but store.type is s3; accepted: " + accepted);
      }
    }
  }
}
