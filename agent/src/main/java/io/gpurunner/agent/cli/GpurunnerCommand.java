package io.gpurunner.agent.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code gpurunner} without a subcommand: a usage error. */
@Command(
    name = "gpurunner",
    description = "Runs training jobs on the GPUs of this machine.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND")
final class GpurunnerCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw missing(spec);
  }

  static ParameterException missing(CommandSpec spec) {
    return new ParameterException(
        spec.commandLine(),
        "a command is missing; accepted: "
            + String.join(", ", new CommandLine(spec).getSubcommands().keySet()));
  }
}
