package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.IssuedToken;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.UserName;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.api.JwtSecret;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.Function;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The agent that runs on this machine under the same configuration. It is asked with an admin's
 * token that expires after a minute, so only who may read the agent's secret can ask. Stateless.
 */
final class LocalAgent {
  private static final Duration TOKEN_LIFETIME = Duration.ofMinutes(1);
  private static final UserName USER = new UserName("command-line");

  private LocalAgent() {}

  /** Posts a body, prints the message of the answer, and returns the exit status. */
  static int order(ConfigOption config, CommandSpec spec, String path, JsonObject body) {
    String answer = ask(config.load(), agent -> agent.post(path, body));
    spec.commandLine().getOut().println(answer);
    return CommandLineInterface.DONE;
  }

  /** Calls the agent. */
  static <T> T ask(AgentConfig config, Function<AgentClient, T> call) {
    JwtSecret secret = new JwtSecret(SecretFiles.loadOrCreate(config.auth().secretFile()));
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    IssuedToken token =
        new IssuedToken(TokenId.random(), USER, true, now, Optional.of(now.plus(TOKEN_LIFETIME)));
    return ShortVertx.with(
        vertx -> call.apply(new AgentClient(vertx, config.http(), token.signedWith(secret))));
  }
}
