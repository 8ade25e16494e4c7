package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * A resource that is divided among jobs: bytes of the disk, places, or what one user may have. It
 * is given out in the order of the queue. For each waiting job enough is kept that it can start
 * once the jobs ahead of it have ended. The rest may go to jobs behind it. For one round, in one
 * thread.
 */
final class Share {
  /** The amount that is free once no job holds any. */
  private final long whole;

  /** The jobs that hold some of it when the round begins, by priority and arrival. */
  private final List<Job> holders;

  /** What each of the holders and those after it hold together. */
  private final long[] heldFrom;

  /** The amount that no job holds. */
  private long free;

  /** The amount that is left for jobs behind all waiting jobs. */
  private long spare = Long.MAX_VALUE;

  /**
   * @param holders sorted by {@link Placement#ORDER}
   * @param amount what a job holds when the round begins
   */
  Share(long whole, List<Job> holders, ToLongFunction<Job> amount) {
    this.whole = whole;
    this.holders = holders;
    this.heldFrom = new long[holders.size() + 1];
    for (int at = holders.size() - 1; at >= 0; at--) {
      heldFrom[at] = heldFrom[at + 1] + amount.applyAsLong(holders.get(at));
    }
    this.free = whole - heldFrom[0];
  }

  /** Returns what jobs hold that came after a job or have a lower priority. */
  private long heldBehind(Job job) {
    int from = 0;
    int to = holders.size();
    while (from < to) {
      int middle = (from + to) / 2;
      if (Placement.ORDER.compare(holders.get(middle), job) < 0) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return heldFrom[from];
  }

  /** Returns the amount that the job that is looked at may take. */
  long available() {
    return Math.min(free, spare);
  }

  long free() {
    return free;
  }

  boolean has(long need) {
    return need <= available();
  }

  /** Gives this amount to the job that is looked at. */
  void take(long need) {
    free -= need;
    spare -= need;
  }

  /** Keeps this amount for the job that is looked at, which waits. */
  void keepFor(Job job, long need) {
    spare = Math.min(spare, whole - need - heldBehind(job));
  }
}
