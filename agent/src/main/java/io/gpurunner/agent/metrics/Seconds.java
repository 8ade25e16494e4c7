package io.gpurunner.agent.metrics;

import java.time.Duration;

/** Times in Prometheus' unit. Pure. */
final class Seconds {
  private static final double NANOS_PER_SECOND = 1e9;

  private Seconds() {}

  /** Returns a time in seconds. The times of two clocks may be a moment apart: that is 0. */
  static double of(Duration time) {
    return time.isNegative() ? 0 : time.toSeconds() + time.toNanosPart() / NANOS_PER_SECOND;
  }
}
