package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.AgentConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code gpurunner serve}. */
@Command(
    name = "serve",
    description = "Run the agent in the foreground.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class)
final class ServeCommand implements Callable<Integer> {
  @Mixin private ConfigOption config;

  private final ServeAction action;

  ServeCommand(ServeAction action) {
    this.action = action;
  }

  @Override
  public Integer call() {
    return serve(config.load(), action);
  }

  /** Runs the agent with a configuration that was read. */
  static int serve(AgentConfig config, ServeAction action) {
    ServeFiles.require(config);
    return action.serve(config);
  }
}
