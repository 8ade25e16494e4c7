package io.gpurunner.agent.simulation;

/** How long something was the case, summed up from looks now and then. One thread. */
final class Span {
  private long sum;
  private boolean before;

  /**
   * Notes a look. The time since the last look counts if it was the case at both looks.
   *
   * @param now whether it is the case now
   * @param passed microseconds since the last look
   */
  void pass(boolean now, long passed) {
    if (before && now) {
      sum += passed;
    }
    before = now;
  }

  void forget() {
    sum = 0;
    before = false;
  }

  /** Returns the time in microseconds. */
  long sum() {
    return sum;
  }
}
