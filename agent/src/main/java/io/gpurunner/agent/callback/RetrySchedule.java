package io.gpurunner.agent.callback;

import io.gpurunner.agent.os.Backoff;
import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Decides when a callback is retried: first after seconds, then after twice the time, up to hours.
 * Each time is shortened by a random part, so that many callbacks to one receiver spread out. Pure
 * except for the generator; thread-safe if the generator is.
 */
public final class RetrySchedule {
  private static final Duration FIRST_DELAY = Duration.ofSeconds(5);

  /** The longest time between two tries. */
  public static final Duration LONGEST_DELAY = Duration.ofHours(6);

  private static final Backoff BACKOFF = new Backoff(FIRST_DELAY, LONGEST_DELAY);

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
   * Returns the time until the next try: between half and the whole of the doubled delay. The last
   * try is at the end of the allowed time.
   *
   * @param triesMade at least 1
   * @param sinceFirstTry time since the first try
   * @return empty if the time is used up and the callback is given up
   */
  public Optional<Duration> delayAfter(int triesMade, Duration sinceFirstTry) {
    Duration left = retryFor.minus(sinceFirstTry);
    if (!left.isPositive()) {
      return Optional.empty();
    }
    long fullMillis = BACKOFF.after(triesMade).toMillis();
    Duration delay = Duration.ofMillis(random.nextLong(fullMillis / 2, fullMillis + 1));
    return Optional.of(delay.compareTo(left) < 0 ? delay : left);
  }
}
