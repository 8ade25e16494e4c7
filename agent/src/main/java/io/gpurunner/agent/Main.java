package io.gpurunner.agent;

import io.gpurunner.agent.cli.CommandLineInterface;
import io.gpurunner.agent.cli.LoggingChoice;

/** The entry point of {@code bin/gpurunner}. */
public final class Main {
  private Main() {}

  /** Runs the command and ends the process with its exit status. */
  public static void main(String[] args) {
    LoggingChoice.use();
    // Serve has a logger, and most commands need none.
    System.exit(
        CommandLineInterface.run(
            args, System.out, System.err, config -> new Serve().serve(config)));
  }
}
