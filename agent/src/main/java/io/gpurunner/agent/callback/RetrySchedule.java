package io.gpurunner.agent.callback;

import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * When a callback is tried again: after seconds at first, doubling up to hours, each time a random
 * part earlier so that many callbacks to one receiver spread out. Pure but for the generator;
 * thread-safe if the generator is.
 */
public final class RetrySchedule {
  private static final Duration FIRST_DELAY = Duration.ofSeconds(5);

  /** Between two tries. */
  public static final Duration LONGEST_DELAY = Duration.ofHours(6);

  /** Five seconds doubled this often is past the longest delay. */
  private static final int MAX_DOUBLINGS = 13;

  private final Duration retryFor;
  private final RandomGenerator random;

  /**
   * @param retryFor time from the first try to the last
   */
  public RetrySchedule(Duration retryFor, RandomGenerator random) {
    this.retryFor = retryFor;
    this.random = random;
  }

  /**
   * How long to wait before the next try: half to the whole of the doubled delay. The last try
   * falls on the end of the time allowed.
   *
   * @param triesMade at least 1
   * @param sinceFirstTry time since the first try
   * @return empty where the time is used up and the callback is given up
   */
  public Optional<Duration> delayAfter(int triesMade, Duration sinceFirstTry) {
    Duration left = retryFor.minus(sinceFirstTry);
    if (!left.isPositive()) {
      return Optional.empty();
    }
    Duration doubled = FIRST_DELAY.multipliedBy(1L << Math.clamp(triesMade - 1L, 0, MAX_DOUBLINGS));
    long fullMillis = Math.min(doubled.toMillis(), LONGEST_DELAY.toMillis());
    Duration delay = Duration.ofMillis(random.nextLong(fullMillis / 2, fullMillis + 1));
    return Optional.of(delay.compareTo(left) < 0 ? delay : left);
  }
}
