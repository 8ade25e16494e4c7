package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.ledger.disk.Backups;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner restore}: puts a copy in the ledger's place while no agent runs. */
@Command(
    name = "restore",
    description = {
      "Put a copy that backup made in the place of the record of jobs. Stop the agent first.",
      "The copy is checked first, and stays. The files that it replaces are kept beside the"
          + " record.",
      "Jobs that were accepted after the copy was made are lost. Jobs that had not ended by then"
          + " go",
      "on from the state they had: a job that has ended since runs again, unless it is deleted",
      "before GPUs are free for it."
    },
    mixinStandardHelpOptions = true)
final class RestoreCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "A copy of a ledger.")
  private Path file = Path.of("");

  @Override
  public Integer call() {
    try {
      Backups.Copied restored = Backups.restore(config.load().ledger(), file, Instant.now());
      spec.commandLine()
          .getOut()
          .printf(
              "restored %s: %d jobs, %d of them not ended; start the agent%n",
              file, restored.jobs(), restored.liveJobs());
      return ExitStatus.DONE;
    } catch (IOException e) {
      throw new CommandFailedException(String.valueOf(e.getMessage()), e);
    }
  }
}
