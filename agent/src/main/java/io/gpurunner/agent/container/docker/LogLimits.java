package io.gpurunner.agent.container.docker;

import java.util.Map;

/**
 * Limits how much of a container's output the engine keeps. An untrusted program must not fill the
 * disk. The agent copies the output while the container runs, so the engine's files need room for
 * what is printed while the agent is down.
 */
final class LogLimits {
  private static final int FILES = 5;
  private static final int FILE_MEGABYTES = 64;

  /**
   * Options of the engine's {@code json-file} log driver; the oldest file goes first. The empty
   * ones keep settings of the engine itself from adding to each line.
   */
  static final Map<String, String> JSON_FILE =
      Map.of(
          "max-size",
          FILE_MEGABYTES + "m",
          "max-file",
          Integer.toString(FILES),
          "labels",
          "",
          "env",
          "",
          "tag",
          "");

  private LogLimits() {}
}
