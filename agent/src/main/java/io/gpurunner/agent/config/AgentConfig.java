package io.gpurunner.agent.config;

import java.nio.file.Path;

/**
 * Everything that an administrator can set, complete and checked, with every default filled in.
 * Made by {@link ConfigFile}; immutable.
 *
 * @param stateDir where the agent keeps everything that it must not lose; absolute
 */
public record AgentConfig(
    Path stateDir,
    HttpConfig http,
    AuthConfig auth,
    GpuConfig gpu,
    DockerConfig docker,
    JobsConfig jobs,
    VolumesConfig volumes,
    LibraryConfig library,
    StoreConfig store,
    CallbacksConfig callbacks) {

  /** Returns the configuration of an empty file. */
  public static AgentConfig defaults() {
    return ConfigFile.parse("defaults", "");
  }

  /** Returns the path of the ledger's database, without the suffix of its file. */
  public Path ledger() {
    return stateDir.resolve("ledger");
  }

  /** Returns the directory of the secrets that the file does not name. */
  public Path secretsDirectory() {
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
