package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.JobId;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Lets a few jobs at a time do a long piece of work, and fewer of one user, so that the others find
 * a free place. Of those that wait, users take turns: first comes the first job of each user, and
 * the user who has waited for longest is the first. No thread blocks: a step that must wait ends
 * with {@link Wait}, and the job is woken when its turn comes. Holds one place for each waiting
 * job, and a limited number of users. Thread-safe.
 */
final class Turns {
  /** The time after which a waiting job asks again by itself. */
  static final Duration ASK_INTERVAL = Duration.ofSeconds(30);

  /** The largest number of users of whom the last turn is remembered. */
  private static final int REMEMBERED_LIMIT = 1_000;

  private final int atATime;
  private final int ofAUser;
  private final String work;
  private final Clock clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<JobId, Place> waiting = new LinkedHashMap<>();
  private final Map<String, Integer> workingOf = new HashMap<>();

  /** The number of each user's last turn, among all turns and arrivals. */
  private final Map<String, Long> lastTurns =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
          return size() > REMEMBERED_LIMIT;
        }
      };

  private int working;
  private long numbered;
  private volatile Consumer<JobId> wake = _ -> {};

  /** A place in the queue. */
  private static final class Place {
    final JobId job;
    final String user;
    final long arrival;

    /** Whether the current step has asked for its turn. */
    boolean asked;

    Place(JobId job, String user, long arrival) {
      this.job = job;
      this.user = user;
      this.arrival = arrival;
    }
  }

  /**
   * A place in the order of turns.
   *
   * @param round how many jobs of the same user are before it
   * @param since since when its user waits for his turn
   */
  private record Ordered(Place place, int round, long since) {
    private static final Comparator<Ordered> ORDER =
        Comparator.comparingInt(Ordered::round).thenComparingLong(Ordered::since);
  }

  /**
   * @param atATime how many jobs work at once
   * @param ofAUser how many of them are of one user
   * @param work names the work, as in {@code waits for its turn to be uploaded}
   */
  Turns(int atATime, int ofAUser, String work, Clock clock) {
    this.atATime = atATime;
    this.ofAUser = ofAUser;
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
  StepOutcome take(Job job, Supplier<StepOutcome> step) {
    return take(job.id(), job.user(), step);
  }

  StepOutcome take(JobId id, String user, Supplier<StepOutcome> step) {
    OptionalInt before = ask(id, user);
    if (before.isPresent()) {
      String ofOne = ofAUser < atATime ? " (%d of one user)".formatted(ofAUser) : "";
      return new Wait(
          clock.instant().plus(ASK_INTERVAL),
          Optional.of(
              "waits for its turn %s: %d at a time%s, and %d wait before it"
                  .formatted(work, atATime, ofOne, before.getAsInt())));
    }
    try {
      return step.get();
    } finally {
      end(user);
    }
  }

  /** Returns how many jobs wait before it. It is empty if its turn has begun. */
  private OptionalInt ask(JobId id, String user) {
    lock.lock();
    try {
      waiting.computeIfAbsent(id, _ -> new Place(id, user, ++numbered)).asked = true;
      List<Ordered> order = order();
      if (!next(order).contains(id)) {
        int before = 0;
        while (!order.get(before).place().job.equals(id)) {
          before++;
        }
        return OptionalInt.of(before);
      }
      waiting.remove(id);
      working++;
      workingOf.merge(user, 1, Integer::sum);
      lastTurns.remove(user); // so that it becomes the newest
      lastTurns.put(user, ++numbered);
      return OptionalInt.empty();
    } finally {
      lock.unlock();
    }
  }

  private void end(String user) {
    List<JobId> next;
    lock.lock();
    try {
      working--;
      workingOf.computeIfPresent(user, (_, count) -> count > 1 ? count - 1 : null);
      next = next(order());
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
        next = next(order());
      } else if (place != null) {
        place.asked = false;
      }
    } finally {
      lock.unlock();
    }
    next.forEach(wake);
  }

  /** Returns the waiting jobs in the order of their turns. */
  private List<Ordered> order() {
    Map<String, Integer> rounds = new HashMap<>();
    Map<String, Long> since = new HashMap<>();
    List<Ordered> order = new ArrayList<>();
    for (Place place : waiting.values()) {
      int round = rounds.merge(place.user, 1, Integer::sum) - 1;
      since.computeIfAbsent(
          place.user, user -> Math.max(place.arrival, lastTurns.getOrDefault(user, 0L)));
      order.add(new Ordered(place, round, since.getOrDefault(place.user, 0L)));
    }
    order.sort(Ordered.ORDER);
    return order;
  }

  /** Returns the jobs whose turn it is now. */
  private List<JobId> next(List<Ordered> order) {
    return order.stream()
        .filter(next -> next.round() < ofAUser - workingOf.getOrDefault(next.place().user, 0))
        .limit(atATime - working)
        .map(next -> next.place().job)
        .toList();
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
