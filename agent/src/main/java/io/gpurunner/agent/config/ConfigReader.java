package io.gpurunner.agent.config;

import io.gpurunner.agent.config.DockerConfig.GpuAccess;
import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.agent.config.StoreConfig.Checksums;
import io.gpurunner.agent.config.StoreConfig.S3Config;
import io.gpurunner.agent.config.VolumesConfig.Enforcement;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** The schema: every key with its default and its form, and the rules between keys. */
final class ConfigReader {
  /** Amazon's limit for a URL signed with AWS Signature Version 4. */
  private static final Duration MAX_S3_URL_EXPIRY = Duration.ofDays(7);

  private static final Duration ZERO = Duration.ZERO;
  private static final Duration ONE_SECOND = Duration.ofSeconds(1);

  private ConfigReader() {}

  static AgentConfig read(Section root) {
    Path stateDir =
        root.value("state-dir", Path.of("/var/lib/gpurunner"), ValueForms.ABSOLUTE_PATH);
    AgentConfig config =
        new AgentConfig(
            stateDir,
            http(root.section("http")),
            auth(root.section("auth"), stateDir),
            gpu(root.section("gpu")),
            docker(root.section("docker")),
            jobs(root.section("jobs")),
            volumes(root.section("volumes")),
            library(root.section("library")),
            store(root.section("store")),
            callbacks(root.section("callbacks")));
    root.close();
    return config;
  }

  private static HttpConfig http(Section section) {
    String host = section.value("host", "127.0.0.1", ValueForms.HOST_NAME);
    int port = section.value("port", 8080, ValueForms.wholeNumber(1, 65_535));
    Optional<URI> publicUrl = section.optional("public-url", ValueForms.HTTP_URL);
    Optional<TlsConfig> tls = tls(section.section("tls"));
    section.close();
    return new HttpConfig(
        host,
        port,
        publicUrl.orElseGet(() -> HttpConfig.derivedPublicUrl(host, port, tls.isPresent())),
        tls);
  }

  private static Optional<TlsConfig> tls(Section section) {
    Optional<Path> certificate = existingFile(section, "certificate");
    Optional<Path> key = existingFile(section, "key");
    if (certificate.isPresent() && key.isEmpty() && !section.hasError("key")) {
      section.error("key", "is missing, but http.tls.certificate is set; give both or neither");
    }
    if (key.isPresent() && certificate.isEmpty() && !section.hasError("certificate")) {
      section.error("certificate", "is missing, but http.tls.key is set; give both or neither");
    }
    section.close();
    return certificate.flatMap(file -> key.map(keyFile -> new TlsConfig(file, keyFile)));
  }

  private static AuthConfig auth(Section section, Path stateDir) {
    Path fallback = stateDir.resolve("secrets").resolve("jwt.key");
    Path secretFile = section.value("secret-file", fallback, ValueForms.ABSOLUTE_PATH);
    section.close();
    return new AuthConfig(secretFile);
  }

  private static GpuConfig gpu(Section section) {
    GpuConfig.Provider provider =
        section.value(
            "provider", GpuConfig.Provider.AUTO, ValueForms.word(GpuConfig.Provider.class));
    ValueForm<String> library =
        ValueForms.text(
            "a library's file name or absolute path, at most 255 characters", "\\S.{0,254}");
    ValueForm<String> product =
        ValueForms.text(
            "a GPU's product name of 1 to 96 letters, digits, blanks and . _ ( ) / + -",
            "[A-Za-z0-9][A-Za-z0-9 ._()/+-]{0,95}");
    GpuConfig config =
        new GpuConfig(
            provider,
            section.value("nvml-library", "libnvidia-ml.so.1", library),
            section.list("simulated", product));
    if (provider == GpuConfig.Provider.SIMULATED
        && config.simulated().isEmpty()
        && !section.hasError("simulated")) {
      section.error(
          "simulated",
          "names no GPU, but gpu.provider is simulated; accepted: a list of "
              + product.accepted()
              + ", one for each GPU");
    }
    section.close();
    return config;
  }

  private static DockerConfig docker(Section section) {
    DockerConfig config =
        new DockerConfig(
            section.value(
                "host", URI.create("unix:///var/run/docker.sock"), ValueForms.DOCKER_HOST),
            section.value("gpu-access", GpuAccess.AUTO, ValueForms.word(GpuAccess.class)));
    section.close();
    return config;
  }

  private static JobsConfig jobs(Section section) {
    JobsConfig config =
        new JobsConfig(
            section.value(
                "grace-period",
                Duration.ofSeconds(30),
                ValueForms.duration(ZERO, Duration.ofHours(24))),
            section.value("max-volume", 1_000_000L, ValueForms.MEGABYTES),
            section.value(
                "retention",
                Duration.ofDays(30),
                ValueForms.duration(ONE_SECOND, Duration.ofDays(36_500))));
    section.close();
    return config;
  }

  private static VolumesConfig volumes(Section section) {
    VolumesConfig config =
        new VolumesConfig(
            section.value("enforcement", Enforcement.AUTO, ValueForms.word(Enforcement.class)));
    section.close();
    return config;
  }

  private static LibraryConfig library(Section section) {
    LibraryConfig config =
        new LibraryConfig(
            section.value("datasets", Path.of("/srv/gpurunner/datasets"), ValueForms.ABSOLUTE_PATH),
            section.value("models", Path.of("/srv/gpurunner/models"), ValueForms.ABSOLUTE_PATH));
    section.close();
    return config;
  }

  private static StoreConfig store(Section section) {
    StoreConfig.Type type =
        section.value("type", StoreConfig.Type.LOCAL, ValueForms.word(StoreConfig.Type.class));
    Duration expiry =
        section.value(
            "url-expiry",
            Duration.ofDays(7),
            ValueForms.duration(ONE_SECOND, Duration.ofDays(3_650)));
    if (type == StoreConfig.Type.S3 && expiry.compareTo(MAX_S3_URL_EXPIRY) > 0) {
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
    S3Config s3 = s3(section.section("s3"), type == StoreConfig.Type.S3);
    section.close();
    return new StoreConfig(type, expiry, retryFor, s3);
  }

  private static S3Config s3(Section section, boolean needed) {
    Optional<URI> endpoint = section.optional("endpoint", ValueForms.HTTP_URL);
    ValueForm<String> region =
        ValueForms.text("1 to 64 letters, digits and dashes", "[A-Za-z0-9-]{1,64}");
    ValueForm<String> bucket =
        ValueForms.text(
            "a bucket name of 3 to 63 letters, digits, dots, dashes and underscores",
            "[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]");
    S3Config config =
        new S3Config(
            endpoint,
            section.value("region", "us-east-1", region),
            section.optional("bucket", bucket),
            section.value("path-style", true, ValueForms.BOOLEAN),
            existingFile(section, "access-key-file"),
            existingFile(section, "secret-key-file"),
            section.value("checksums", Checksums.WHEN_REQUIRED, ValueForms.word(Checksums.class)));
    if (needed) {
      requireForS3(section, "bucket", config.bucket(), bucket.accepted());
      requireForS3(section, "access-key-file", config.accessKeyFile(), "the path of a file");
      requireForS3(section, "secret-key-file", config.secretKeyFile(), "the path of a file");
    }
    section.close();
    return config;
  }

  private static void requireForS3(
      Section section, String key, Optional<?> value, String accepted) {
    if (value.isEmpty() && !section.hasError(key)) {
      section.error(key, "is missing, but store.type is s3; accepted: " + accepted);
    }
  }

  private static CallbacksConfig callbacks(Section section) {
    CallbacksConfig config =
        new CallbacksConfig(
            section.value(
                "retry-for", Duration.ofDays(3), ValueForms.duration(ZERO, Duration.ofDays(30))),
            section.list("allow", ValueForms.ADDRESS_PATTERN),
            section.list("deny", ValueForms.ADDRESS_PATTERN));
    section.close();
    return config;
  }

  /**
   * Reads the path of a file that somebody else provides. A file that cannot be looked at (no
   * permission) passes here, and its reader reports it.
   */
  private static Optional<Path> existingFile(Section section, String key) {
    Optional<Path> file = section.optional(key, ValueForms.ABSOLUTE_PATH);
    file.filter(Files::notExists)
        .ifPresent(absent -> section.error(key, "no such file: " + absent));
    return file;
  }
}
