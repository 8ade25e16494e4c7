package io.gpurunner.api;

import java.time.Duration;

/** The rule by which a job stops ({@code stopType} and {@code stopTime} of the guide). */
public sealed interface StopRule {
  /** {@code stopType} 0: the job ends by itself. */
  record NaturalEnd() implements StopRule {}

  /**
   * {@code stopType} 1: the job is stopped this long after its container started, and that is a
   * success.
   *
   * @param limit a whole number of minutes, at least one
   */
  record After(Duration limit) implements StopRule {}
}
