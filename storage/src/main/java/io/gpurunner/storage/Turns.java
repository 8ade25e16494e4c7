package io.gpurunner.storage;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * So many callers at a time, the others in the order they came. A semaphore's waiting caller can
 * only be asked for its cancellation by a time-out, and goes to the end of the queue by that; here
 * it keeps its place. Thread-safe.
 */
final class Turns {
  /** How often a waiting caller's cancellation is asked. */
  private static final Duration ASK_INTERVAL = Duration.ofSeconds(1);

  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Turn> waiting = new ArrayDeque<>();
  private int free;

  private static final class Turn {
    final CompletableFuture<Boolean> came = new CompletableFuture<>();
  }

  Turns(int atATime) {
    this.free = atATime;
  }

  /** Waits for a turn, which the caller ends with {@link #end}. */
  void await(Cancellation cancellation) throws CancelledException {
    Turn turn = new Turn();
    lock.lock();
    try {
      if (free > 0) {
        free--;
        return;
      }
      waiting.add(turn);
    } finally {
      lock.unlock();
    }
    boolean came = false;
    try {
      while (!comes(turn)) {
        if (cancellation.isCancelled()) {
          throw new CancelledException();
        }
      }
      came = true;
    } finally {
      if (!came) {
        leave(turn);
      }
    }
  }

  private static boolean comes(Turn turn) {
    return turn.came
        .copy()
        .completeOnTimeout(false, ASK_INTERVAL.toMillis(), TimeUnit.MILLISECONDS)
        .join();
  }

  private void leave(Turn turn) {
    boolean stillWaited;
    lock.lock();
    try {
      stillWaited = waiting.remove(turn);
    } finally {
      lock.unlock();
    }
    if (!stillWaited) {
      end(); // it came just now
    }
  }

  /** Lets the next one in. */
  void end() {
    lock.lock();
    try {
      Turn next = waiting.poll();
      if (next == null) {
        free++;
      } else {
        next.came.complete(true);
      }
    } finally {
      lock.unlock();
    }
  }

  /** How many wait, for tests. */
  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }
}
