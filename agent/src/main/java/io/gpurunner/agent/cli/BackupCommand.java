package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.ledger.disk.Backups;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner backup}: copies the ledger. The agent may run or not. */
@Command(
    name = "backup",
    description = {
      "Copy the record of all jobs to FILE, also while the agent runs.",
      "In it: jobs with their requests (and the values in env), history, leases, callbacks that",
      "are owed, idempotency keys. Not in it: secrets, tokens, the configuration, jobs'",
      "directories, artifacts. The agent itself makes such a copy once a day, in",
      "<state-dir>/backups, and keeps the newest 7.",
      "To put a copy in place: gpurunner restore FILE"
    },
    mixinStandardHelpOptions = true)
final class BackupCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "The file to create; it must not exist.")
  private Path file = Path.of("");

  @Override
  public Integer call() {
    try {
      Backups.Copied copied = Backups.copy(config.load().ledger(), file);
      spec.commandLine()
          .getOut()
          .printf(
              "%s: %d jobs, %d of them not ended, %d bytes%n",
              file, copied.jobs(), copied.liveJobs(), copied.bytes());
      return ExitStatus.DONE;
    } catch (IOException e) {
      throw new CommandFailedException(String.valueOf(e.getMessage()), e);
    }
  }
}
