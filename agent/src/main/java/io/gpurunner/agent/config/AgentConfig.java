package io.gpurunner.agent.config;

import java.nio.file.Path;

/**
 * The complete, checked configuration, with every default filled in. {@link ConfigFile} creates it;
 * immutable.
 *
 * <p>Each record of this package has a component for each of its keys, and its method {@code read}
 * names the key, its default and its form. Reading the file and {@code gpurunner config check} both
 * follow from that method.
 *
 * @param stateDir the directory of everything that the agent must not lose; absolute
 */
public record AgentConfig(
    Path stateDir,
    HttpConfig http,
    AuthConfig auth,
    GpuConfig gpu,
    DockerConfig docker,
    ImagesConfig images,
    JobsConfig jobs,
    LimitsConfig limits,
    VolumesConfig volumes,
    LibraryConfig library,
    TrustConfig tls,
    StoreConfig store,
    CallbacksConfig callbacks,
    MetricsConfig metrics) {

  /** Reads the whole file. */
  static AgentConfig read(Section root) {
    Path stateDir =
        root.value("state-dir", Path.of("/var/lib/gpurunner"), ValueForms.ABSOLUTE_PATH);
    HttpConfig http = root.section("http", HttpConfig::read);
    return new AgentConfig(
        stateDir,
        http,
        root.section("auth", auth -> AuthConfig.read(auth, stateDir)),
        root.section("gpu", GpuConfig::read),
        root.section("docker", DockerConfig::read),
        root.section("images", ImagesConfig::read),
        root.section("jobs", JobsConfig::read),
        root.section("limits", LimitsConfig::read),
        root.section("volumes", VolumesConfig::read),
        root.section("library", LibraryConfig::read),
        root.section("tls", TrustConfig::read),
        root.section("store", StoreConfig::read),
        root.section("callbacks", CallbacksConfig::read),
        root.section("metrics", metrics -> MetricsConfig.read(metrics, http)));
  }

  /** Returns the configuration of an empty file. */
  public static AgentConfig defaults() {
    return ConfigFile.parse("defaults", "");
  }

  /** Returns the ledger's directory. */
  public Path ledger() {
    return stateDir.resolve("ledger");
  }

  /** Returns the directory of the secrets that the file does not name. */
  public Path secretsDirectory() {
    return secretsDirectory(stateDir);
  }

  static Path secretsDirectory(Path stateDir) {
    return stateDir.resolve("secrets");
  }

  /** Returns the file of the key that signs callbacks. */
  public Path callbackKeyFile() {
    return secretsDirectory().resolve("callback.key");
  }

  /** Returns the directory of the records of issued and revoked tokens. */
  public Path tokensDirectory() {
    return stateDir.resolve("tokens");
  }
}
