package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Listed;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * The jobs in memory, as last recorded: live jobs, jobs whose callback is owed, and jobs whose last
 * change is not in the index yet. All others are in the index only. Two threads write: the one that
 * records, and the one that writes the index. Reading is thread-safe.
 */
final class Records {
  private final Map<JobId, Change> jobs = new ConcurrentHashMap<>();
  private final Map<JobId, Job> live = new ConcurrentHashMap<>();
  private final Map<String, LiveLoad> loads = new ConcurrentHashMap<>();
  private final Map<UserKey, JobId> keys = new ConcurrentHashMap<>();
  private final OwedCallbacks callbacks = new OwedCallbacks();
  private volatile LiveLoad total = LiveLoad.NONE;

  /** Which job holds which device. A machine has few, so each change makes a copy. */
  private volatile Map<GpuUuid, JobId> leases = Map.of();

  /** An idempotency key, which each user has for himself. */
  record UserKey(String user, String key) {
    static Optional<UserKey> of(JobRecord record) {
      return record.key().map(key -> new UserKey(record.job().user(), key.key()));
    }
  }

  /** Adds a job that was recorded before the ledger was opened. */
  void load(JobRecord record) {
    Change change = new Change(record.job().id(), Optional.of(record));
    put(change);
    applied(List.of(change)); // the index gets it from the files
  }

  /** Adds or replaces a job, as it is after a group. */
  void put(Change change) {
    jobs.put(change.id(), change);
    change.record().ifPresent(this::put);
  }

  private void put(JobRecord record) {
    Job job = record.job();
    UserKey.of(record).ifPresent(key -> keys.put(key, job.id()));
    switch (job.state()) {
      case JobState.Live _ -> {
        Job before = live.put(job.id(), job);
        if (before == null) {
          add(job);
        } else {
          replace(before, job);
        }
        lease(job.id(), before == null ? List.of() : heldBy(before), heldBy(job));
      }
      case JobState.Final _ -> {
        Job before = live.remove(job.id());
        if (before != null) {
          subtract(before);
          lease(job.id(), heldBy(before), List.of());
        }
      }
    }
    // This comes last: a thread that sees the callback must also see that the job has ended.
    callbacks.put(record);
  }

  private static List<GpuUuid> heldBy(Job job) {
    return job.state() instanceof JobState.Placed placed ? placed.gpus() : List.of();
  }

  private void lease(JobId job, List<GpuUuid> before, List<GpuUuid> now) {
    if (!before.equals(now)) {
      Map<GpuUuid, JobId> next = new HashMap<>(leases);
      before.forEach(gpu -> next.remove(gpu, job));
      now.forEach(gpu -> next.put(gpu, job));
      leases = Map.copyOf(next);
    }
  }

  private void add(Job job) {
    LiveLoad load = LiveLoad.of(job);
    loads.merge(job.user(), load, LiveLoad::plus);
    total = total.plus(load);
  }

  private void replace(Job before, Job job) {
    LiveLoad gone = LiveLoad.of(before);
    LiveLoad load = LiveLoad.of(job);
    loads.computeIfPresent(job.user(), (_, sum) -> sum.minus(gone).plus(load));
    total = total.minus(gone).plus(load);
  }

  private void subtract(Job job) {
    LiveLoad load = LiveLoad.of(job);
    loads.computeIfPresent(job.user(), (_, sum) -> sum.jobs() > 1 ? sum.minus(load) : null);
    total = total.minus(load);
  }

  /**
   * Hears that these changes are in the index. Jobs that decisions do not need are removed from
   * memory.
   */
  void applied(Collection<Change> changes) {
    for (Change change : changes) {
      if (change.record().filter(JobRecord::isNeeded).isEmpty()
          && jobs.remove(change.id(), change)) {
        change.record().flatMap(UserKey::of).ifPresent(key -> keys.remove(key, change.id()));
      }
    }
  }

  /** Returns a job from memory; empty if the index has its last change. */
  Optional<Change> find(JobId id) {
    return Optional.ofNullable(jobs.get(id));
  }

  /** Returns the job that a key created; empty if the index has it. */
  Optional<JobRecord> find(UserKey key) {
    return Optional.ofNullable(keys.get(key)).flatMap(this::find).flatMap(Change::record);
  }

  OwedCallbacks callbacks() {
    return callbacks;
  }

  Optional<Job> findLive(JobId id) {
    return Optional.ofNullable(live.get(id));
  }

  Collection<Job> live() {
    return live.values().stream().toList();
  }

  /**
   * Returns a page of the live jobs that pass the filter, newest first, and how many pass it.
   *
   * @param skipped how many jobs are on the pages before
   */
  <T> Listed<T> list(JobFilter filter, long skipped, int size, Function<Job, T> each) {
    List<Job> found =
        live.values().stream()
            .filter(job -> filter.user().filter(user -> !user.equals(job.user())).isEmpty())
            .filter(
                job -> filter.idPrefix().filter(id -> !job.id().value().startsWith(id)).isEmpty())
            .sorted(Comparator.comparingLong(Job::sequence).reversed())
            .toList();
    return new Listed<>(found.stream().skip(skipped).limit(size).map(each).toList(), found.size());
  }

  /** Returns what a user's live jobs take. */
  LiveLoad loadOf(String user) {
    return loads.getOrDefault(user, LiveLoad.NONE);
  }

  /** Returns what all live jobs take. */
  LiveLoad load() {
    return total;
  }

  /** Returns which job holds which device. */
  Map<GpuUuid, JobId> leases() {
    return leases;
  }
}
