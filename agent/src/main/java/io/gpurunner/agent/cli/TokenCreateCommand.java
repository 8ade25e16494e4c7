package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.IssuedToken;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.TokenRegistry;
import io.gpurunner.agent.auth.UserName;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.api.JwtSecret;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code gpurunner token create}. */
@Command(
    name = "create",
    description = "Issue a token, and print it and nothing else.",
    mixinStandardHelpOptions = true)
final class TokenCreateCommand implements Callable<Integer> {
  private static final int MAX_DAYS = 36_500;

  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Option(
      names = "--user",
      required = true,
      paramLabel = "USER",
      description = "The user whose jobs the token can create, see and end.")
  private String user = "";

  @Option(names = "--admin", description = "Let the token see and end the jobs of all users.")
  private boolean admin;

  @Option(
      names = "--days",
      paramLabel = "N",
      description = "Days until the token expires. Without this option it never expires.")
  private Optional<Integer> days = Optional.empty();

  @Override
  public Integer call() {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    IssuedToken token =
        new IssuedToken(TokenId.random(), userName(), admin, now, lifetime().map(now::plus));
    AgentConfig effective = config.load();
    JwtSecret secret = new JwtSecret(SecretFiles.loadOrCreate(effective.auth().secretFile()));
    String text = token.signedWith(secret);
    new TokenRegistry(effective.tokensDirectory()).record(token);
    spec.commandLine().getOut().println(text);
    return ExitStatus.DONE;
  }

  private UserName userName() {
    try {
      return new UserName(user);
    } catch (IllegalArgumentException wrong) {
      throw usage("--user: " + wrong.getMessage());
    }
  }

  private Optional<Duration> lifetime() {
    if (days.filter(count -> count < 1 || count > MAX_DAYS).isPresent()) {
      throw usage("--days: was " + days.get() + "; accepted: 1 to " + MAX_DAYS);
    }
    return days.map(Duration::ofDays);
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
