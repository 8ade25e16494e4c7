package io.gpurunner.agent.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.agent.callback.AddressPattern;
import io.gpurunner.agent.config.HttpConfig.TlsConfig;
import io.gpurunner.agent.config.StoreConfig.S3Config;
import io.gpurunner.agent.container.RegistryPattern;
import io.gpurunner.agent.container.docker.GpuAccessMode;
import io.gpurunner.agent.container.docker.PullRule;
import io.gpurunner.gpu.GpuSettings;
import io.gpurunner.storage.S3Settings.Checksums;
import io.gpurunner.storage.VolumeSettings.Enforcement;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests every key's default, and every key's mapping. */
final class AgentConfigTest {
  @TempDir private Path files;

  private static final AgentConfig DEFAULTS =
      new AgentConfig(
          Path.of("/var/lib/gpurunner"),
          new HttpConfig("127.0.0.1", 8080, URI.create("http://127.0.0.1:8080"), Optional.empty()),
          new AuthConfig(Path.of("/var/lib/gpurunner/secrets/jwt.key")),
          new GpuConfig(
              GpuSettings.Provider.AUTO,
              "libnvidia-ml.so.1",
              List.of(),
              Optional.empty(),
              GpuSettings.DESKTOP),
          new DockerConfig(URI.create("unix:///var/run/docker.sock"), GpuAccessMode.AUTO),
          new ImagesConfig(
              PullRule.NEWER,
              Path.of("/root/.docker/config.json"),
              List.of(RegistryPattern.parse("docker.io"), RegistryPattern.parse("*")),
              Map.of(),
              Duration.ofHours(1),
              Duration.ofMinutes(5),
              100_000),
          new JobsConfig(
              Duration.ofSeconds(30), 1_000_000, Duration.ofDays(30), Duration.ofDays(1)),
          new LimitsConfig(1_000, 64, Optional.empty(), 32, Optional.empty()),
          new VolumesConfig(Enforcement.AUTO),
          new LibraryConfig(
              Path.of("/srv/gpurunner/datasets"), Path.of("/srv/gpurunner/models"), List.of()),
          new TrustConfig(Optional.empty()),
          new StoreConfig(
              StoreConfig.Type.LOCAL,
              Duration.ofDays(7),
              Duration.ofDays(1),
              new S3Config(
                  Optional.empty(),
                  "us-east-1",
                  Optional.empty(),
                  true,
                  Optional.empty(),
                  Optional.empty(),
                  Checksums.AUTO,
                  Optional.empty())),
          new CallbacksConfig(Duration.ofDays(3), List.of(), List.of(), Optional.empty()),
          new MetricsConfig("127.0.0.1", Optional.empty(), false));

  @Test
  void everyDefault() {
    assertThat(AgentConfig.defaults()).isEqualTo(DEFAULTS);
    assertThat(DEFAULTS.callbackKeyFile())
        .isEqualTo(Path.of("/var/lib/gpurunner/secrets/callback.key"));
    assertThat(DEFAULTS.tokensDirectory()).isEqualTo(Path.of("/var/lib/gpurunner/tokens"));
  }

  @Test
  void theContractsSampleIsTheDefaults() {
    String sample =
        """
        state-dir: /var/lib/gpurunner
        http:      { host: 127.0.0.1, port: 8080, public-url: , tls: { certificate: , key: } }
        auth:      { secret-file: }            # default: <state-dir>/secrets/jwt.key
        gpu:       { provider: auto, nvml-library: libnvidia-ml.so.1, simulated: [] }
        docker:    { host: "unix:///var/run/docker.sock", gpu-access: auto }
        jobs:      { grace-period: 30s, max-volume: 1TB, retention: 30d }
        volumes:   { enforcement: auto }
        library:   { datasets: /srv/gpurunner/datasets, models: /srv/gpurunner/models }
        store:
          type: local                          # local | s3
          url-expiry: 7d
          s3: { endpoint: , region: us-east-1, bucket: , path-style: true, access-key-file: , secret-key-file: }
        callbacks: { retry-for: 3d, allow: [], deny: [] }
        """;
    assertThat(ConfigFile.parse("sample", sample)).isEqualTo(DEFAULTS);
  }

  @Test
  void everyKeyMapsAndIsWrittenBack() throws IOException {
    Path certificate = Files.createFile(files.resolve("tls.crt"));
    Path key = Files.createFile(files.resolve("tls.key"));
    Path accessKey = Files.createFile(files.resolve("access"));
    Path secretKey = Files.createFile(files.resolve("secret"));
    String yaml =
        """
        state-dir: /data/runner
        http:
          host: "::"
          port: "8443"
          public-url: https://gpu.example.org/
          tls: { certificate: %s, key: %s }
        auth: { secret-file: /etc/gpurunner/jwt.key }
        gpu:
          provider: simulated
          nvml-library: /opt/lib/libnvidia-ml.so.1
          simulated: ["NVIDIA GeForce RTX 3090", NVIDIA A100-SXM4-80GB]
          idle-memory: 300MB
          ignore-processes: [Xorg, kwin_x11]
        docker: { host: "tcp://127.0.0.1:2375", gpu-access: cdi }
        images:
          pull: always
          credentials-file: /etc/gpurunner/registries.json
          registries: ["*.lab.example:*", "[::1]:5000"]
          credentials: { "registry.lab.example:5000": [ann, bob], docker.io: ["*"] }
          retry-for: 2m
          stall: 20s
          keep: 3GB
        jobs: { grace-period: 2m, max-volume: 1GiB, retention: 12h, deleted-retention: 2h }
        limits: { queued-jobs: 50, placed-jobs: 8, gpus: 4, jobs-without-gpus: 2, disk-per-user: 2TB }
        volumes: { enforcement: project-quota }
        library:
          datasets: /data/sets
          models: /data/models
          access: ["datasets/patients = alice, Bob Smith", models/lab/llm=alice]
        tls: { ca-file: %s }
        store:
          type: s3
          url-expiry: 1h
          retry-for: 45m
          s3:
            endpoint: http://s3.example.org:9000
            region: eu-1
            bucket: models.of-us
            path-style: false
            access-key-file: %s
            secret-key-file: %s
            checksums: when-supported
            proxy: http://proxy.example.org:3128/
        callbacks:
          retry-for: 90s
          allow: [127.0.0.1, "::1", localhost]
          deny: [10.0.0.0/8, "fd00::/8"]
          proxy: http://proxy.example.org:3129
        metrics: { host: 10.0.0.7, port: 9400, dcgm-names: true }
        """
            .formatted(certificate, key, certificate, accessKey, secretKey);
    AgentConfig expected =
        new AgentConfig(
            Path.of("/data/runner"),
            new HttpConfig(
                "::",
                8443,
                URI.create("https://gpu.example.org"),
                Optional.of(new TlsConfig(certificate, key))),
            new AuthConfig(Path.of("/etc/gpurunner/jwt.key")),
            new GpuConfig(
                GpuSettings.Provider.SIMULATED,
                "/opt/lib/libnvidia-ml.so.1",
                List.of("NVIDIA GeForce RTX 3090", "NVIDIA A100-SXM4-80GB"),
                Optional.of(300L),
                List.of("Xorg", "kwin_x11")),
            new DockerConfig(URI.create("tcp://127.0.0.1:2375"), GpuAccessMode.CDI),
            new ImagesConfig(
                PullRule.ALWAYS,
                Path.of("/etc/gpurunner/registries.json"),
                List.of(
                    RegistryPattern.parse("*.lab.example:*"), RegistryPattern.parse("[::1]:5000")),
                Map.of(
                    RegistryPattern.parse("registry.lab.example:5000"),
                    Set.of("ann", "bob"),
                    RegistryPattern.parse("docker.io"),
                    Set.of("*")),
                Duration.ofMinutes(2),
                Duration.ofSeconds(20),
                3_000),
            new JobsConfig(Duration.ofMinutes(2), 1_073, Duration.ofHours(12), Duration.ofHours(2)),
            new LimitsConfig(50, 8, Optional.of(4), 2, Optional.of(2_000_000L)),
            new VolumesConfig(Enforcement.PROJECT_QUOTA),
            new LibraryConfig(
                Path.of("/data/sets"),
                Path.of("/data/models"),
                List.of(
                    new LibraryGrant("datasets", "patients", List.of("alice", "Bob Smith")),
                    new LibraryGrant("models", "lab/llm", List.of("alice")))),
            new TrustConfig(Optional.of(certificate)),
            new StoreConfig(
                StoreConfig.Type.S3,
                Duration.ofHours(1),
                Duration.ofMinutes(45),
                new S3Config(
                    Optional.of(URI.create("http://s3.example.org:9000")),
                    "eu-1",
                    Optional.of("models.of-us"),
                    false,
                    Optional.of(accessKey),
                    Optional.of(secretKey),
                    Checksums.WHEN_SUPPORTED,
                    Optional.of(URI.create("http://proxy.example.org:3128")))),
            new CallbacksConfig(
                Duration.ofSeconds(90),
                List.of(
                    AddressPattern.parse("127.0.0.1"),
                    AddressPattern.parse("::1"),
                    AddressPattern.parse("localhost")),
                List.of(AddressPattern.parse("10.0.0.0/8"), AddressPattern.parse("fd00::/8")),
                Optional.of(URI.create("http://proxy.example.org:3129"))),
            new MetricsConfig("10.0.0.7", Optional.of(9400), true));

    ConfigFile.Effective read = ConfigFile.read("full", yaml);

    assertThat(read.config()).isEqualTo(expected);
    assertThat(ConfigFile.parse("written", read.text())).isEqualTo(expected);
  }

  @Test
  void theDefaultsAreWrittenBackToo() {
    String text = ConfigFile.read("defaults", "").text();
    assertThat(ConfigFile.parse("written", text)).isEqualTo(DEFAULTS);
    assertThat(text).doesNotContainPattern("(?m) $");
  }

  @Test
  void theSampleHasEveryKeyAtItsDefault() throws IOException {
    // In the sample, a key follows its # at once, and the text of a comment follows a blank.
    String sample =
        Files.readString(Path.of("../systemd/gpurunner.yaml"))
            .replaceAll("(?m)^( *)#([a-z])", "$1$2");
    assertThat(ConfigFile.parse("sample", sample)).isEqualTo(DEFAULTS);
    assertThat(keys(sample))
        .containsExactlyInAnyOrderElementsOf(keys(ConfigFile.read("defaults", "").text()));
  }

  /** Returns the dotted keys of a YAML text that has one key a line. */
  private static List<String> keys(String yaml) {
    List<String> keys = new ArrayList<>();
    List<String> sections = new ArrayList<>();
    Matcher line = Pattern.compile("(?m)^((?:  )*)([a-z0-9-]+):").matcher(yaml);
    while (line.find()) {
      int depth = line.group(1).length() / 2;
      sections.subList(depth, sections.size()).clear();
      sections.add(line.group(2));
      keys.add(String.join(".", sections));
    }
    return keys;
  }

  @Test
  void whoMayMountAnEntryIsSpelledInOneWay() {
    assertThat(
            ConfigFile.parse("f", "library: { access: [datasets/a=x, 'datasets/a = y'] }")
                .library()
                .datasetAccess()
                .usersOf())
        .isEqualTo(Map.of("a", Set.of("x", "y")));
    for (String wrong :
        List.of(
            "a=x", "datasets/=x", "datasets/../a=x", "datasets/a", "datasets/a=", "models/a=x,")) {
      assertThatExceptionOfType(ConfigException.class)
          .as(wrong)
          .isThrownBy(() -> ConfigFile.parse("f", "library: { access: ['" + wrong + "'] }"))
          .withMessageContaining("library.access[0]: was \"" + wrong + "\"; accepted: an entry");
    }
  }

  @Test
  void theMetricsCannotHaveTheAddressOfTheApi() {
    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> ConfigFile.parse("f", "metrics: { port: 8080 }"))
        .withMessageContaining("metrics.port: is that of the API (http.port)");
    assertThat(ConfigFile.parse("f", "metrics: { host: 10.0.0.7, port: 8080 }").metrics().port())
        .contains(8080);
  }

  @Test
  void whatFollowsFromOtherKeys() {
    AgentConfig config =
        ConfigFile.parse("f", "{state-dir: /srv/state, http: {host: '::1', port: 90}}");
    assertThat(config.auth().secretFile()).isEqualTo(Path.of("/srv/state/secrets/jwt.key"));
    assertThat(config.http().publicUrl()).isEqualTo(URI.create("http://[::1]:90"));
  }
}
