package io.gpurunner.agent.config;

import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.agent.config.StoreConfig.S3Config;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Writes a configuration with every key, as YAML that reads back to the same configuration. */
public final class EffectiveConfig {
  private EffectiveConfig() {}

  /**
   * Returns the text. It holds no secret, because secrets are files and the configuration has only
   * their paths.
   */
  public static String render(AgentConfig config) {
    HttpConfig http = config.http();
    S3Config s3 = config.store().s3();
    return """
    state-dir: %s
    http:
      host: %s
      port: %d
      public-url: %s
      tls:
        certificate: %s
        key: %s
    auth:
      secret-file: %s
    gpu:
      provider: %s
      nvml-library: %s
      simulated: %s
    docker:
      host: %s
      gpu-access: %s
    jobs:
      grace-period: %s
      max-volume: %s
      retention: %s
    volumes:
      enforcement: %s
    library:
      datasets: %s
      models: %s
    store:
      type: %s
      url-expiry: %s
      retry-for: %s
      s3:
        endpoint: %s
        region: %s
        bucket: %s
        path-style: %s
        access-key-file: %s
        secret-key-file: %s
        checksums: %s
    callbacks:
      retry-for: %s
      allow: %s
      deny: %s
    """
        .formatted(
            quoted(config.stateDir()),
            quoted(http.host()),
            http.port(),
            quoted(http.publicUrl()),
            quoted(http.tls().map(TlsConfig::certificate)),
            quoted(http.tls().map(TlsConfig::key)),
            quoted(config.auth().secretFile()),
            ValueForms.write(config.gpu().provider()),
            quoted(config.gpu().nvmlLibrary()),
            quoted(config.gpu().simulated()),
            quoted(config.docker().host()),
            ValueForms.write(config.docker().gpuAccess()),
            ValueForms.write(config.jobs().gracePeriod()),
            ValueForms.writeMegabytes(config.jobs().maxVolumeMegabytes()),
            ValueForms.write(config.jobs().retention()),
            ValueForms.write(config.volumes().enforcement()),
            quoted(config.library().datasets()),
            quoted(config.library().models()),
            ValueForms.write(config.store().type()),
            ValueForms.write(config.store().urlExpiry()),
            ValueForms.write(config.store().retryFor()),
            quoted(s3.endpoint()),
            quoted(s3.region()),
            quoted(s3.bucket()),
            s3.pathStyle(),
            quoted(s3.accessKeyFile()),
            quoted(s3.secretKeyFile()),
            ValueForms.write(s3.checksums()),
            ValueForms.write(config.callbacks().retryFor()),
            quoted(config.callbacks().allow()),
            quoted(config.callbacks().deny()))
        // A key without a value ends with its colon.
        .replaceAll("(?m) +$", "");
  }

  private static String quoted(Object value) {
    return '"' + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private static String quoted(Optional<?> value) {
    return value.map(EffectiveConfig::quoted).orElse("");
  }

  private static String quoted(List<?> values) {
    return values.stream().map(EffectiveConfig::quoted).collect(Collectors.joining(", ", "[", "]"));
  }
}
