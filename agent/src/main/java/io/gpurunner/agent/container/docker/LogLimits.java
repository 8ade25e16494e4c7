package io.gpurunner.agent.container.docker;

import java.util.Map;

/** Limits how much of a container's output is kept. An untrusted program must not fill the disk. */
final class LogLimits {
  private static final int FILES = 5;
  private static final int FILE_MEGABYTES = 64;

  /**
   * The most of an output that is saved, measured as the engine stores it ({@link OutputMeter}).
   * The engine drops a file only after the others are full. So it has dropped nothing of an output
   * that is not longer than this. Of a longer one the saved copy has this much of the end, whether
   * the engine still has the beginning or not.
   *
   * <p>The engine reads its option {@code max-size} in units of 1,000 (units.FromHumanSize).
   */
  static final long KEPT_BYTES = (FILES - 1) * FILE_MEGABYTES * 1_000_000L;

  /**
   * The largest size of an output that is read. The engine's own limit keeps it below this size.
   */
  static final long READ_BYTES = (long) FILES * FILE_MEGABYTES * 1024 * 1024;

  /**
   * Options of the engine's {@code json-file} log driver; the oldest file goes first. The empty
   * ones keep settings of the engine itself from adding to each line what {@link OutputMeter} does
   * not count.
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
