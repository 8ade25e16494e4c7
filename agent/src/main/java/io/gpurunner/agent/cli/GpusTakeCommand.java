package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code gpurunner gpus take}. */
@Command(
    name = "take",
    description = "Use again what was let go of with release-driver.",
    mixinStandardHelpOptions = true)
final class GpusTakeCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  private final Surroundings around;

  GpusTakeCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    String done = agentOption.connect(around).order("/api/gpus/driver/take", Json.object());
    around.console().out().println(done);
    return ExitStatus.DONE;
  }
}
