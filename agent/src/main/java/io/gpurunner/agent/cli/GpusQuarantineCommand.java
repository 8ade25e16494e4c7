package io.gpurunner.agent.cli;

import io.vertx.core.json.JsonObject;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner gpus quarantine}. */
@Command(
    name = "quarantine",
    description = "Keep a GPU from jobs until it is released. A job that holds it keeps it.",
    mixinStandardHelpOptions = true)
final class GpusQuarantineCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "GPU", description = "The GPU's UUID or index, see: gpurunner gpus")
  private String gpu = "";

  @Option(
      names = "--reason",
      required = true,
      paramLabel = "TEXT",
      description = "Why; it is shown to those whose jobs wait.")
  private String reason = "";

  @Override
  public Integer call() {
    return LocalAgent.order(
        config,
        spec,
        "/api/gpus/quarantine",
        new JsonObject().put("gpu", gpu).put("reason", reason));
  }
}
