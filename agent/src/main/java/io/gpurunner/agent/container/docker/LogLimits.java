package io.gpurunner.agent.container.docker;

import java.util.Map;

/** Limits how much of a container's output is kept. An untrusted program must not fill the disk. */
final class LogLimits {
  private static final int FILES = 4;
  private static final int FILE_MEGABYTES = 64;

  /** The largest size of a saved copy. The engine's own limit keeps it below this size. */
  static final long SAVED_BYTES = (long) FILES * FILE_MEGABYTES * 1024 * 1024;

  /** Options of the engine's {@code json-file} log driver; the oldest file goes first. */
  static final Map<String, String> JSON_FILE =
      Map.of("max-size", FILE_MEGABYTES + "m", "max-file", Integer.toString(FILES));

  private LogLimits() {}
}
