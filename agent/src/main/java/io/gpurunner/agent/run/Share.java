package io.gpurunner.agent.run;

/**
 * A resource that is divided among jobs: bytes of the disk, or places. It is given out in the order
 * of the queue. For each waiting job enough is kept that it can start once the jobs ahead of it
 * have ended. The rest may go to jobs behind it. For one round, in one thread.
 */
final class Share {
  /** The amount that is free once no job holds any. */
  private final long whole;

  /** The amount that no job holds. */
  private long free;

  /** The amount held by jobs behind the job that is looked at. */
  private long heldBehind;

  /** The amount that is left for jobs behind all waiting jobs. */
  private long spare = Long.MAX_VALUE;

  Share(long whole) {
    this.whole = whole;
    this.free = whole;
  }

  /** Notes that a job holds this amount when the round begins. */
  void hold(long amount) {
    free -= amount;
    heldBehind += amount;
  }

  /** Notes that a job with this amount is ahead of all jobs that are looked at from now on. */
  void passed(long amount) {
    heldBehind -= amount;
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
  void keepFor(long need) {
    spare = Math.min(spare, whole - need - heldBehind);
  }
}
