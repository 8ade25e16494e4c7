package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gpurunner purge}. */
@Command(
    name = "purge",
    description = {
      "Remove the files of jobs that have ended: directories, logs, and artifacts on the agent's"
          + " machine.",
      "What was uploaded to S3 stays, and so does the record of the job."
    },
    mixinStandardHelpOptions = true)
final class PurgeCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Parameters(paramLabel = "JOB", arity = "1..*", description = JobNames.DESCRIPTION)
  private List<String> names = List.of();

  private final Surroundings around;

  PurgeCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    return DeletionOrders.give(
        agentOption.connect(around), around.console(), names, body -> body.put("purge", true));
  }
}
