package io.gpurunner.agent.run;

import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.JobId;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Lets a few jobs at a time do a long piece of work. The others wait in the order they came. No
 * thread blocks: a step that must wait ends with {@link Wait}, and the job is woken when its turn
 * comes. Holds one place for each waiting job, and nothing that grows with time. Thread-safe.
 */
final class Turns {
  /** The time after which a waiting job asks again by itself. */
  static final Duration ASK_INTERVAL = Duration.ofSeconds(30);

  private final int atATime;
  private final String work;
  private final Clock clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<JobId, Place> waiting = new LinkedHashMap<>();
  private int working;
  private volatile Consumer<JobId> wake = _ -> {};

  /** A place in the queue. */
  private static final class Place {
    /** Whether the current step has asked for its turn. */
    boolean asked;
  }

  /**
   * @param atATime how many jobs work at once
   * @param work names the work, as in {@code waits for its turn to be uploaded}
   */
  Turns(int atATime, String work, Clock clock) {
    this.atATime = atATime;
    this.work = work;
    this.clock = clock;
  }

  /**
   * @param listener called with each job whose turn has come; must not block
   */
  void listen(Consumer<JobId> listener) {
    wake = listener;
  }

  /** Does the work if it is the job's turn. Otherwise keeps a place for it in the queue. */
  StepOutcome take(JobId id, Supplier<StepOutcome> step) {
    OptionalInt before = ask(id);
    if (before.isPresent()) {
      return new Wait(
          clock.instant().plus(ASK_INTERVAL),
          Optional.of(
              "waits for its turn %s: %d at a time, and %d wait before it"
                  .formatted(work, atATime, before.getAsInt())));
    }
    try {
      return step.get();
    } finally {
      end();
    }
  }

  /** Returns how many jobs wait before it. It is empty if its turn has begun. */
  private OptionalInt ask(JobId id) {
    lock.lock();
    try {
      waiting.computeIfAbsent(id, _ -> new Place()).asked = true;
      int before = 0;
      for (JobId other : waiting.keySet()) {
        if (other.equals(id)) {
          break;
        }
        before++;
      }
      if (before >= atATime - working) {
        return OptionalInt.of(before);
      }
      waiting.remove(id);
      working++;
      return OptionalInt.empty();
    } finally {
      lock.unlock();
    }
  }

  private void end() {
    List<JobId> next;
    lock.lock();
    try {
      working--;
      next = next();
    } finally {
      lock.unlock();
    }
    next.forEach(wake);
  }

  /**
   * Notes that a step of the job was made. A job that did not ask for its turn in that step loses
   * its place, because it was deleted or failed and would hold up the others.
   */
  void stepped(JobId id) {
    List<JobId> next = List.of();
    lock.lock();
    try {
      Place place = waiting.get(id);
      if (place != null && !place.asked) {
        waiting.remove(id);
        next = next();
      } else if (place != null) {
        place.asked = false;
      }
    } finally {
      lock.unlock();
    }
    next.forEach(wake);
  }

  /** Returns the jobs whose turn it is now. */
  private List<JobId> next() {
    return waiting.keySet().stream().limit(atATime - working).toList();
  }

  /** Returns how many jobs wait. Used by tests. */
  int waiting() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }
}
