package io.gpurunner.agent.simulation;

/** For how long something was so, put together from what is seen of it now and then. One thread. */
final class Span {
  private long sum;
  private boolean before;

  /**
   * It is looked at again. What passed counts where it was so at both looks.
   *
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

  /** In microseconds. */
  long sum() {
    return sum;
  }
}
