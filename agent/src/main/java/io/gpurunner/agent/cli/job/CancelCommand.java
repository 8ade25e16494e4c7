package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gpurunner cancel}. */
@Command(
    name = "cancel",
    description = {
      "End jobs. A running job gets SIGTERM and its grace period, and nothing of it is published.",
      "A job that has ended stays as it is."
    },
    mixinStandardHelpOptions = true)
final class CancelCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Parameters(paramLabel = "JOB", arity = "1..*", description = JobNames.DESCRIPTION)
  private List<String> names = List.of();

  private final Surroundings around;

  CancelCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    return DeletionOrders.give(agentOption.connect(around), around.console(), names, body -> body);
  }
}
