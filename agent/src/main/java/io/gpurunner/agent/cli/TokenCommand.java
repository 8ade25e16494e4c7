package io.gpurunner.agent.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gpurunner token}: the group of its subcommands. */
@Command(
    name = "token",
    description = "Issue, list and revoke API tokens.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class TokenCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw GpurunnerCommand.missing(spec);
  }
}
