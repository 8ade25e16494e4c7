package io.gpurunner.agent.cli;

import io.gpurunner.agent.auth.TokenId;
import io.gpurunner.agent.auth.TokenRegistry;
import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner token revoke}. */
@Command(
    name = "revoke",
    description = "Revoke a token, at once and for good.",
    mixinStandardHelpOptions = true)
final class TokenRevokeCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "JTI", description = "The token's id, see: gpurunner token list")
  private String jti = "";

  @Override
  public Integer call() {
    TokenId id =
        TokenId.parse(jti)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "JTI: not a token's id; see them with: gpurunner token list"));
    String done =
        switch (new TokenRegistry(config.load().tokensDirectory()).revoke(id)) {
          case REVOKED -> "revoked " + id;
          case ALREADY_REVOKED -> id + " was revoked before";
          case UNKNOWN ->
              throw new CommandFailedException(
                  "no token " + id + " is on record; see them with: gpurunner token list");
        };
    spec.commandLine().getOut().println(done);
    return ExitStatus.DONE;
  }
}
