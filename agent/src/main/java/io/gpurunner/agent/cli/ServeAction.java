package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.AgentConfig;

/** The action of {@code gpurunner serve}. {@code Main} gives it to the command line. */
@FunctionalInterface
public interface ServeAction {
  /**
   * Runs the agent in the foreground until it ends.
   *
   * @return the exit status; 0 if the agent ended as asked
   */
  int serve(AgentConfig config);
}
