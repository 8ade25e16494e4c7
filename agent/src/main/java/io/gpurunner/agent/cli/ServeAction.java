package io.gpurunner.agent.cli;

import io.gpurunner.agent.config.AgentConfig;

/** What {@code gpurunner serve} does; given to the command line by {@code Main}. */
@FunctionalInterface
public interface ServeAction {
  /**
   * Runs the agent in the foreground until it ends.
   *
   * @return the exit status, 0 where it ended as asked
   */
  int serve(AgentConfig config);
}
