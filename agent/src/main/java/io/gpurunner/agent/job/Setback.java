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
 * @param unexplained how many of these the machine does not explain. They count against the job
 */
public record Setback(String reason, Instant notBefore, int refusals, int unexplained) {
  /** The pauses after starts that failed for no known reason. After the last the job has failed. */
  private static final List<Duration> PAUSES_UNEXPLAINED =
      List.of(Duration.ofMinutes(1), Duration.ofMinutes(3), Duration.ofMinutes(6));

  /** The first pause after the machine prevented a start. Each later one is twice as long. */
  private static final Duration FIRST_PAUSE = Duration.ofSeconds(5);

  /** The longest pause after the machine prevented a start. */
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(5);

  /** The longest pause of all. */
  public static final Duration PAUSE_LIMIT = Duration.ofMinutes(6);

  /** The number of starts that fail for no known reason before the job has failed. */
  public static final int UNEXPLAINED_LIMIT = PAUSES_UNEXPLAINED.size() + 1;

  /** The setback before the first one. */
  private static final Setback NONE = new Setback("", Instant.EPOCH, 0, 0);

  /** Returns the setback after one more start was prevented. */
  static Setback after(Optional<Setback> before, Ending.NotStarted ending, Instant now) {
    Setback earlier = before.orElse(NONE);
    int refusals = earlier.refusals + 1;
    int unexplained = earlier.unexplained + (ending.explained() ? 0 : 1);
    Duration pause =
        ending.explained()
            ? pauseAfter(refusals)
            : PAUSES_UNEXPLAINED.get(Math.min(unexplained, PAUSES_UNEXPLAINED.size()) - 1);
    return new Setback(ending.reason(), now.plus(pause), refusals, unexplained);
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
