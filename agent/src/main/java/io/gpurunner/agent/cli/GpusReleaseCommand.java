package io.gpurunner.agent.cli;

import io.vertx.core.json.JsonObject;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner gpus release}. */
@Command(
    name = "release",
    description = "Hand a GPU out again that an error or an administrator keeps from jobs.",
    mixinStandardHelpOptions = true)
final class GpusReleaseCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "GPU", description = "The GPU's UUID or index, see: gpurunner gpus")
  private String gpu = "";

  @Option(
      names = "--reason",
      required = true,
      paramLabel = "TEXT",
      description = "Why; it is written to the log.")
  private String reason = "";

  @Override
  public Integer call() {
    return LocalAgent.order(
        config, spec, "/api/gpus/release", new JsonObject().put("gpu", gpu).put("reason", reason));
  }
}
