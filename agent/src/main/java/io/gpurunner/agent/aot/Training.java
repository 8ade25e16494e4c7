package io.gpurunner.agent.aot;

import io.gpurunner.agent.cli.LoggingChoice;
import java.nio.file.Path;

/** A training as the whole work of a process. */
interface Training {
  /** Trains in an empty directory. */
  void in(Path directory) throws Exception;

  /**
   * Runs a training and ends the process: with 0, or with 1 and a stack trace.
   *
   * @param arguments one, the directory
   */
  static void run(String[] arguments, Training training) {
    LoggingChoice.use();
    try {
      training.in(Path.of(arguments[0]));
      System.exit(0);
    } catch (Throwable e) {
      e.printStackTrace();
      System.exit(1);
    }
  }
}
