package io.gpurunner.agent.log;

import java.time.Duration;

/**
 * Limits of the log of one run. A size counts the bytes of the output and 32 more for each piece.
 *
 * @param segmentBytes the size at which another segment begins
 * @param headBytes the beginning of the log that is kept
 * @param tailBytes the end of the log that is kept
 */
record RunLogLimits(long segmentBytes, long headBytes, long tailBytes) {
  /** The beginning of a log that is kept. */
  static final long HEAD_BYTES = 16L << 20;

  /** The end of a log that is kept. */
  static final long TAIL_BYTES = 64L << 20;

  /** The size of a segment. The kept end can be one segment longer. */
  static final long SEGMENT_BYTES = 4L << 20;

  /**
   * The most pieces that are compared to find where a reading of the engine goes on. There are more
   * only if they are equal.
   */
  static final int MOST_COMPARED = 8192;

  /**
   * The most equal pieces in a row that are compared. They are parts of one line, of 16 KiB each,
   * and an engine keeps 320 MB, so it has about 20,000 of them.
   */
  static final int MOST_EQUAL = 1 << 16;

  /** The time within which what was added can be read. A line that comes alone can be at once. */
  static final Duration FLUSH_INTERVAL = Duration.ofMillis(20);

  /** The time between two syncs of a log that has grown. */
  static final Duration SYNC_INTERVAL = Duration.ofSeconds(1);

  /** The pause before the engine is asked again, after it failed or the disk did. */
  static final Duration RETRY_PAUSE = Duration.ofSeconds(1);

  /** The longest pause before the engine is asked again after readings that brought nothing. */
  static final Duration LONGEST_PAUSE = Duration.ofSeconds(8);

  /** How long a reading may bring nothing until the agent checks whether it hangs. */
  static final Duration SILENCE = Duration.ofSeconds(10);

  static final RunLogLimits USUAL = new RunLogLimits(SEGMENT_BYTES, HEAD_BYTES, TAIL_BYTES);
}
