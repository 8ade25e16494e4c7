package io.gpurunner.agent.job;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Why a job is back in the queue although its container was never started, and when the next try
 * may begin. It is kept until the container of a run has started. Immutable.
 *
 * @param reason what prevented the start, for the user
 * @param notBefore the time of the next try
 * @param refusals how often a start was prevented since the last run that started
 * @param unexplained how many of these nothing explains. They count against the job
 * @param pullsFailSince when a pull failed first; empty if the last one did not fail
 */
public record Setback(
    String reason,
    Instant notBefore,
    int refusals,
    int unexplained,
    Optional<Instant> pullsFailSince) {
  /** The pauses after starts that failed for no known reason. After the last the job has failed. */
  private static final List<Duration> PAUSES_UNEXPLAINED =
      List.of(Duration.ofMinutes(1), Duration.ofMinutes(3), Duration.ofMinutes(6));

  /**
   * The first pause after the machine or a registry prevented a start. Each later one is twice as
   * long.
   */
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(5);

  /** The longest pause after the machine or a registry prevented a start. */
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(5);

  /** The longest pause of all. */
  public static final Duration PAUSE_LIMIT = Duration.ofMinutes(6);

  /** The number of starts that fail for no known reason before the job has failed. */
  public static final int UNEXPLAINED_LIMIT = PAUSES_UNEXPLAINED.size() + 1;

  /** The setback before the first one. */
  private static final Setback NONE = new Setback("", Instant.EPOCH, 0, 0, Optional.empty());

  /** Returns the setback after one more start was prevented. */
  static Setback after(Optional<Setback> before, Ending.NotStarted ending, Instant now) {
    Setback earlier = before.orElse(NONE);
    int refusals = earlier.refusals + 1;
    return switch (ending.cause()) {
      case MACHINE ->
          new Setback(
              ending.reason(),
              now.plus(pauseAfter(refusals)),
              refusals,
              earlier.unexplained,
              Optional.empty());
      case REGISTRY ->
          new Setback(
              ending.reason(),
              now.plus(pauseAfter(refusals)),
              refusals,
              earlier.unexplained,
              // A time in the future is of an earlier boot, whose clock was ahead.
              earlier
                  .pullsFailSince
                  .filter(since -> !since.isAfter(now))
                  .or(() -> Optional.of(now)));
      case UNKNOWN -> {
        int unexplained = earlier.unexplained + 1;
        int pause = Math.min(unexplained, PAUSES_UNEXPLAINED.size()) - 1;
        yield new Setback(
            ending.reason(),
            now.plus(PAUSES_UNEXPLAINED.get(pause)),
            refusals,
            unexplained,
            Optional.empty());
      }
    };
  }

  private static Duration pauseAfter(int refusals) {
    Duration pause = FIRST_PAUSE;
    for (int doubled = 1; doubled < refusals && pause.compareTo(LONGEST_PAUSE) < 0; doubled++) {
      pause = pause.multipliedBy(2);
    }
    return pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
  }

  /**
   * Returns whether the job still has to wait. A time that is too far away is of an earlier boot,
   * whose clock was ahead.
   */
  public boolean holdsBack(Instant now) {
    return now.isBefore(notBefore) && !notBefore.isAfter(now.plus(PAUSE_LIMIT));
  }
}
