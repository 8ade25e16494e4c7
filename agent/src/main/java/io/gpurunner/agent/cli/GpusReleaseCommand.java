package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gpurunner gpus release}. */
@Command(
    name = "release",
    description = "Hand a GPU out again that an error or an administrator keeps from jobs.",
    mixinStandardHelpOptions = true)
final class GpusReleaseCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Parameters(paramLabel = "GPU", description = "The GPU's UUID or index, see: gpurunner gpus")
  private String gpu = "";

  @Option(
      names = "--reason",
      required = true,
      paramLabel = "TEXT",
      description = "Why; it is written to the log.")
  private String reason = "";

  private final Surroundings around;

  GpusReleaseCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    String done =
        agentOption
            .connect(around)
            .order("/api/gpus/release", Json.object().put("gpu", gpu).put("reason", reason));
    around.console().out().println(done);
    return ExitStatus.DONE;
  }
}
