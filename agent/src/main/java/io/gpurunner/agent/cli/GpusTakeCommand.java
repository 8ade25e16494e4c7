package io.gpurunner.agent.cli;

import io.vertx.core.json.JsonObject;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gpurunner gpus take}. */
@Command(
    name = "take",
    description = "Use again what was let go of with release-driver.",
    mixinStandardHelpOptions = true)
final class GpusTakeCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    return LocalAgent.order(config, spec, "/api/gpus/driver/take", new JsonObject());
  }
}
