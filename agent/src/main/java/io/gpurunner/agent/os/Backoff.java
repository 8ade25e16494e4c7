package io.gpurunner.agent.os;

import java.time.Duration;

/**
 * The pauses between retries of something that keeps failing: each is twice as long as the one
 * before, up to a limit.
 *
 * @param first the pause after the first failure
 * @param longest the limit; not shorter than {@code first}
 */
public record Backoff(Duration first, Duration longest) {
  /**
   * Returns the pause that follows a failure.
   *
   * @param failures the number of failures in a row, this one included; at least 1
   */
  public Duration after(int failures) {
    Duration pause = first;
    for (int failure = 1; failure < failures && pause.compareTo(longest) < 0; failure++) {
      pause = pause.multipliedBy(2);
    }
    return pause.compareTo(longest) < 0 ? pause : longest;
  }
}
