package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.IssuedToken;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.UserName;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JwtSecret;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code gpurunner retry-upload}: asks the running agent, with an admin's token that expires after
 * a minute.
 */
@Command(
    name = "retry-upload",
    description = "Upload a finished job's artifacts that could not be uploaded before.",
    mixinStandardHelpOptions = true)
final class RetryUploadCommand implements Callable<Integer> {
  private static final Duration TOKEN_LIFETIME = Duration.ofMinutes(1);
  private static final UserName USER = new UserName("command-line");

  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JOB", description = "The job's id, from the answer to its submission.")
  private String job = "";

  @Override
  public Integer call() {
    JobId id =
        JobId.parse(job)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "JOB: not a job's id; accepted: ai followed by a UUID"));
    AgentConfig effective = config.load();
    JwtSecret secret = new JwtSecret(SecretFiles.loadOrCreate(effective.auth().secretFile()));
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    IssuedToken token =
        new IssuedToken(TokenId.random(), USER, true, now, Optional.of(now.plus(TOKEN_LIFETIME)));
    String answer =
        ShortVertx.with(
            vertx ->
                new AgentClient(vertx, effective.http(), token.signedWith(secret))
                    .post("/api/userJob/" + id + "/retry-upload"));
    spec.commandLine().getOut().println(answer);
    return CommandLineInterface.DONE;
  }
}
