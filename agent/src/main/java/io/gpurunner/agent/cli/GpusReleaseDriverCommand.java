package io.gpurunner.agent.cli;

import io.vertx.core.json.JsonObject;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gpurunner gpus release-driver}. */
@Command(
    name = "release-driver",
    description = "Let go of a GPU, or of all, so that it can be reset or its mode be changed.",
    mixinStandardHelpOptions = true)
final class GpusReleaseDriverCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "GPU", description = "The GPU's UUID or index, or: all")
  private String gpu = "";

  @Override
  public Integer call() {
    return LocalAgent.order(
        config, spec, "/api/gpus/driver/release", new JsonObject().put("gpu", gpu));
  }
}
