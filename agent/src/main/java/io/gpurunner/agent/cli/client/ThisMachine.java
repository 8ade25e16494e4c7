package io.gpurunner.agent.cli.client;

import io.gpurunner.agent.auth.AuthException;
import io.gpurunner.agent.auth.IssuedToken;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.UserName;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigException;
import io.gpurunner.agent.config.ConfigFile;
import io.gpurunner.agent.config.HttpConfig;
import io.gpurunner.api.JwtSecret;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.Supplier;

/** The agent that runs on this machine under a configuration. */
final class ThisMachine {
  private static final Duration TOKEN_LIFETIME = Duration.ofMinutes(1);

  private final AgentConfig config;
  private final Path configFile;

  /**
   * Reads the configuration.
   *
   * @param named the file; the usual one if empty
   * @throws CommandFailedException with every error of the file
   */
  ThisMachine(Optional<Path> named) {
    this.configFile = named.orElse(ConfigFile.DEFAULT_PATH);
    try {
      this.config = ConfigFile.readOrDefaults(named).config();
    } catch (ConfigException wrong) {
      throw new CommandFailedException(
          ExitStatus.USAGE, String.join(System.lineSeparator(), wrong.errors()), wrong);
    }
  }

  /** Returns the address with a token that the user was given. */
  AgentAddress address(String token, String tokenSource) {
    return address(() -> token, tokenSource);
  }

  /**
   * Returns the address with tokens that the command issues itself: an admin's, under the name of
   * the user who runs it. Each expires after a minute. Only a user who may read the agent's secret
   * can do that.
   *
   * @throws CommandFailedException if this user may not; it says what to do
   */
  AgentAddress addressForAdmins(Surroundings around) {
    JwtSecret secret = secret(around);
    UserName user = new UserName(System.getProperty("user.name", "root"));
    return address(
        () -> issue(secret, user, around.clock()), "issued with " + config.auth().secretFile());
  }

  private static String issue(JwtSecret secret, UserName user, Clock clock) {
    Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    return new IssuedToken(TokenId.random(), user, true, now, Optional.of(now.plus(TOKEN_LIFETIME)))
        .signedWith(secret);
  }

  private JwtSecret secret(Surroundings around) {
    try {
      return new JwtSecret(SecretFiles.loadOrCreate(config.auth().secretFile()));
    } catch (AuthException notReadable) {
      throw new CommandFailedException(
          ExitStatus.REFUSED,
          notReadable.getMessage()
              + System.lineSeparator()
              + "If you are not the administrator, ask for a token. Then set GPURUNNER_TOKEN to it,"
              + " or name its file in "
              + Contexts.file(around),
          notReadable);
    }
  }

  private AgentAddress address(Supplier<String> token, String tokenSource) {
    HttpConfig http = config.http();
    return new AgentAddress(
        (http.tls().isPresent() ? "https://" : "http://") + host(http.host()) + ":" + http.port(),
        "this machine, " + configFile,
        token,
        tokenSource,
        http.tls().map(tls -> new Trust(tls.certificate(), true)),
        "start it with: gpurunner serve, or give the configuration that it runs with: --config"
            + " FILE. An agent on another machine: set GPURUNNER_URL");
  }

  /** Returns the host of the URL. An agent that listens on all addresses is on loopback, too. */
  private static String host(String listening) {
    return switch (listening) {
      case "0.0.0.0" -> "127.0.0.1";
      case "::" -> "[::1]";
      default -> listening.contains(":") ? "[" + listening + "]" : listening;
    };
  }
}
