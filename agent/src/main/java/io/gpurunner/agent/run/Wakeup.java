package io.gpurunner.agent.run;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * The bell of a loop. Any thread may ring it, any number of times, and the loop wakes once.
 * Thread-safe.
 */
final class Wakeup {
  private final Semaphore bell = new Semaphore(0);

  /** Wakes the loop, now or when it next waits. */
  void ring() {
    if (bell.availablePermits() == 0) {
      bell.release();
    }
  }

  /** Waits for the bell, at most this long. */
  void await(Duration limit) {
    try {
      if (bell.tryAcquire(Math.max(0, limit.toNanos()), TimeUnit.NANOSECONDS)) {
        bell.drainPermits();
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }
}
