package io.gpurunner.agent.cli.job;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;

/**
 * Measures how long an agent has not answered a command that asks again and again. The time in
 * which this machine sleeps does not count, nor does a change of its clock: between two tries, at
 * most {@link #STEP_LIMIT} counts. One thread uses it.
 */
final class AwayTime {
  /** A try and the pause before it take less, also where the agent answers nothing. */
  static final Duration STEP_LIMIT = Duration.ofMinutes(2);

  private final Clock clock;
  private Instant last;
  private Duration away = Duration.ZERO;

  AwayTime(Clock clock) {
    this.clock = clock;
    this.last = clock.instant();
  }

  /** The agent has answered. */
  void end() {
    last = clock.instant();
    away = Duration.ZERO;
  }

  /** Returns the time since the last answer. Is called at each try without an answer. */
  Duration passed() {
    Instant now = clock.instant();
    Duration step = Duration.between(last, now);
    if (step.isPositive()) {
      away = away.plus(step.compareTo(STEP_LIMIT) < 0 ? step : STEP_LIMIT);
    }
    last = now;
    return away;
  }
}
