package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.disk.CallbackRecord;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The callbacks that are owed. Each user has a queue of his own for each receiver, in the order in
 * which its callbacks fall due. Thread-safe.
 */
public final class OwedCallbacks {
  private static final Comparator<Owed> BY_TIME =
      Comparator.comparing(Owed::dueAt).thenComparing(owed -> owed.callback.deliveryId());

  private final Map<JobId, Owed> byJob = new HashMap<>();
  private final TreeMap<String, OfUser> byUser = new TreeMap<>();

  /** How many callbacks fall due at each time. */
  private final TreeMap<Instant, Integer> times = new TreeMap<>();

  /** How many callbacks report an end of each time. */
  private final TreeMap<Instant, Integer> ends = new TreeMap<>();

  /** What is owed to the receivers of one user. */
  private static final class OfUser {
    final NavigableSet<Owed> all = new TreeSet<>(BY_TIME);
    final TreeMap<String, NavigableSet<Owed>> byReceiver = new TreeMap<>();

    void add(Owed owed) {
      all.add(owed);
      byReceiver.computeIfAbsent(owed.callback.receiver(), _ -> new TreeSet<>(BY_TIME)).add(owed);
    }

    void remove(Owed owed) {
      all.remove(owed);
      byReceiver.computeIfPresent(
          owed.callback.receiver(),
          (_, others) -> others.remove(owed) && others.isEmpty() ? null : others);
    }
  }

  private record Owed(PendingCallback callback, Instant dueAt, Optional<Instant> endedAt) {
    static Owed of(JobRecord record) {
      CallbackRecord callback = record.callback().orElseThrow();
      return new Owed(
          new PendingCallback(
              callback.deliveryId(),
              record.job().id(),
              record.job().user(),
              record.job().request().callbackUrl().orElseThrow(),
              callback.success(),
              callback.tries(),
              callback.firstTryAt()),
          callback.nextTryAt(),
          record.job().state() instanceof JobState.Final end
              ? Optional.of(end.finishedAt())
              : Optional.empty());
    }
  }

  /** Adds the callback of a job, or removes it if it is no longer owed. */
  synchronized void put(JobRecord record) {
    Owed before = byJob.remove(record.job().id());
    if (before != null) {
      remove(before);
    }
    if (record.isOwed()) {
      Owed owed = Owed.of(record);
      byJob.put(record.job().id(), owed);
      times.merge(owed.dueAt, 1, Integer::sum);
      owed.endedAt.ifPresent(at -> ends.merge(at, 1, Integer::sum));
      byUser.computeIfAbsent(owed.callback.user(), _ -> new OfUser()).add(owed);
    }
  }

  private void remove(Owed owed) {
    times.computeIfPresent(owed.dueAt, (_, count) -> count > 1 ? count - 1 : null);
    owed.endedAt.ifPresent(
        at -> ends.computeIfPresent(at, (_, count) -> count > 1 ? count - 1 : null));
    OfUser ofUser = byUser.get(owed.callback.user());
    if (ofUser != null) {
      ofUser.remove(owed);
      if (ofUser.all.isEmpty()) {
        byUser.remove(owed.callback.user());
      }
    }
  }

  /** Returns how many are owed. */
  public synchronized int count() {
    return byJob.size();
  }

  /** Returns the time of the earliest end that an owed callback reports. */
  public synchronized Optional<Instant> oldestEnd() {
    return ends.isEmpty() ? Optional.empty() : Optional.of(ends.firstKey());
  }

  /** Whether a callback is still as it was read: owed, and not tried since. */
  public synchronized boolean isPending(PendingCallback callback) {
    return Optional.ofNullable(byJob.get(callback.job()))
        .filter(owed -> owed.callback.deliveryId().equals(callback.deliveryId()))
        .filter(owed -> owed.callback.tries() == callback.tries())
        .isPresent();
  }

  /**
   * The users, in the order of their names, of whom a callback is due.
   *
   * @param after only those whose name comes after this one's
   */
  public synchronized List<String> users(Instant now, String after, int limit) {
    return byUser.tailMap(after, false).entrySet().stream()
        .filter(entry -> !entry.getValue().all.first().dueAt.isAfter(now))
        .limit(limit)
        .map(Map.Entry::getKey)
        .toList();
  }

  /**
   * The receivers, in the order of their names, to which a callback of a user is due.
   *
   * @param after only those whose name comes after this one's
   */
  public synchronized List<String> receivers(String user, Instant now, String after, int limit) {
    return byUser
        .getOrDefault(user, new OfUser())
        .byReceiver
        .tailMap(after, false)
        .entrySet()
        .stream()
        .filter(entry -> !entry.getValue().first().dueAt.isAfter(now))
        .limit(limit)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** The callbacks of a user that are due to a receiver, the longest due first. */
  public synchronized List<PendingCallback> due(
      String user, String receiver, Instant now, int limit) {
    return byUser
        .getOrDefault(user, new OfUser())
        .byReceiver
        .getOrDefault(receiver, new TreeSet<>(BY_TIME))
        .stream()
        .takeWhile(owed -> !owed.dueAt.isAfter(now))
        .limit(limit)
        .map(Owed::callback)
        .toList();
  }

  /** When the next callback falls due after some time; empty where none does. */
  public synchronized Optional<Instant> nextAfter(Instant now) {
    return Optional.ofNullable(times.higherKey(now));
  }

  /** The jobs whose callback falls due after some time. */
  synchronized List<JobId> laterThan(Instant latest) {
    return byJob.values().stream()
        .filter(owed -> owed.dueAt.isAfter(latest))
        .map(owed -> owed.callback.job())
        .toList();
  }
}
