package io.gpurunner.agent.config;

import java.nio.file.Path;

/**
 * Everything an administrator can set, complete and checked: a value of this type never holds a
 * default left to be filled in. Made by {@link ConfigFile}; immutable.
 *
 * @param stateDir where the agent keeps everything it must not lose; absolute
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

  /** The configuration of an empty file. */
  public static AgentConfig defaults() {
    return ConfigFile.parse("defaults", "");
  }

  /** The record of jobs: a database's path, without the suffix of its file. */
  public Path ledger() {
    return stateDir.resolve("ledger");
  }

  /** The directory of the secrets that are not named one by one in the file. */
  public Path secretsDirectory() {
    return stateDir.resolve("secrets");
  }

  /** The key callbacks are signed with. */
  public Path callbackKeyFile() {
    return secretsDirectory().resolve("callback.key");
  }

  /** Where issued and revoked tokens are on record. */
  public Path tokensDirectory() {
    return stateDir.resolve("tokens");
  }
}
