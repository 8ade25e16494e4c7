package io.gpurunner.agent.cli;

import io.gpurunner.agent.cli.client.AgentOption;
import io.gpurunner.agent.cli.client.ExitStatus;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.client.Surroundings;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gpurunner gpus release-driver}. */
@Command(
    name = "release-driver",
    description = "Let go of a GPU, or of all, so that it can be reset or its mode be changed.",
    mixinStandardHelpOptions = true)
final class GpusReleaseDriverCommand implements Callable<Integer> {
  @Mixin private AgentOption agentOption;

  @Parameters(paramLabel = "GPU", description = "The GPU's UUID or index, or: all")
  private String gpu = "";

  private final Surroundings around;

  GpusReleaseDriverCommand(Surroundings around) {
    this.around = around;
  }

  @Override
  public Integer call() {
    String done =
        agentOption
            .connect(around)
            .order("/api/gpus/driver/release", Json.object().put("gpu", gpu));
    around.console().out().println(done);
    return ExitStatus.DONE;
  }
}
