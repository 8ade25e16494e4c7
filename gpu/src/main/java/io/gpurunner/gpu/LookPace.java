package io.gpurunner.gpu;

import java.time.Duration;

/**
 * How often the NVML thread looks.
 *
 * @param interval the time between two looks if none is requested
 * @param shortest the shortest time between two looks, which a request does not shorten
 * @param longestBackoff the longest time between two tries to open NVML; the first retry comes
 *     after {@code interval}, and each later one after twice the time of the one before
 * @param reopenLost how long a session with a lost device is kept; NVML finds a device that came
 *     back only when it is opened again
 */
record LookPace(
    Duration interval, Duration shortest, Duration longestBackoff, Duration reopenLost) {

  /** The pace of production. */
  static final LookPace DEFAULT =
      new LookPace(
          Duration.ofSeconds(1),
          Duration.ofMillis(20),
          Duration.ofMinutes(1),
          Duration.ofMinutes(1));

  /**
   * @param failures how many tries failed in a row, at least one
   */
  Duration backoff(int failures) {
    Duration wait = interval;
    for (int doubled = 1; doubled < failures && wait.compareTo(longestBackoff) < 0; doubled++) {
      wait = wait.multipliedBy(2);
    }
    return wait.compareTo(longestBackoff) < 0 ? wait : longestBackoff;
  }
}
