package io.gpurunner.agent.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gpurunner config}: the group of its subcommands. */
@Command(
    name = "config",
    description = "Check the configuration.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND")
final class ConfigCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw GpurunnerCommand.missing(spec);
  }
}
