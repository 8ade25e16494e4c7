package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The jobs that have not ended, in memory, as last committed. Written by the ledger's thread, read
 * by all.
 */
final class LiveJobs {
  private final Map<JobId, Entry> jobs = new ConcurrentHashMap<>();
  private final Map<String, LiveLoad> loads = new ConcurrentHashMap<>();
  private volatile LiveLoad total = LiveLoad.NONE;

  private record Entry(Job job, long requestBytes) {}

  /**
   * @param requestBytes length of its request where it is at hand; else it is found out
   */
  void put(Job job, OptionalLong requestBytes) {
    switch (job.state()) {
      case JobState.Live _ -> remember(job, requestBytes);
      case JobState.Final _ -> forget(job.id());
    }
  }

  private void remember(Job job, OptionalLong requestBytes) {
    Entry before = jobs.get(job.id());
    long bytes =
        before == null
            ? requestBytes.orElseGet(() -> JobCodec.write(job.request()).length())
            : before.requestBytes;
    jobs.put(job.id(), new Entry(job, bytes));
    if (before == null) {
      loads.merge(job.user(), LiveLoad.ofOne(bytes), LiveLoad::plus);
      total = total.plus(LiveLoad.ofOne(bytes));
    }
  }

  private void forget(JobId id) {
    Entry ended = jobs.remove(id);
    if (ended != null) {
      LiveLoad one = LiveLoad.ofOne(ended.requestBytes);
      loads.computeIfPresent(
          ended.job.user(), (_, load) -> load.jobs() > 1 ? load.minus(one) : null);
      total = total.minus(one);
    }
  }

  Optional<Job> find(JobId id) {
    return Optional.ofNullable(jobs.get(id)).map(Entry::job);
  }

  Collection<Job> all() {
    return jobs.values().stream().map(Entry::job).toList();
  }

  LiveLoad loadOf(String user) {
    return loads.getOrDefault(user, LiveLoad.NONE);
  }

  LiveLoad total() {
    return total;
  }

  Map<GpuUuid, JobId> leases() {
    return leasesOf(all());
  }

  static Map<GpuUuid, JobId> leasesOf(Collection<Job> jobs) {
    Map<GpuUuid, JobId> leases = new HashMap<>();
    for (Job job : jobs) {
      if (job.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> leases.put(gpu, job.id()));
      }
    }
    return leases;
  }

  /**
   * Requires that those recorded are those that jobs hold.
   *
   * @throws LedgerException FAILED where they are not
   */
  static void requireLeases(Map<GpuUuid, JobId> recorded, Map<GpuUuid, JobId> held) {
    if (!recorded.equals(held)) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger contradicts itself: leases are "
              + new TreeMap<>(recorded)
              + ", jobs hold "
              + new TreeMap<>(held));
    }
  }

  /** Whether these, and no others, are the jobs that should be here after some changes. */
  boolean equalAfter(Collection<Job> changes, List<Job> found) {
    Map<JobId, Job> expected = new HashMap<>();
    all().forEach(job -> expected.put(job.id(), job));
    for (Job job : changes) {
      switch (job.state()) {
        case JobState.Live _ -> expected.put(job.id(), job);
        case JobState.Final _ -> expected.remove(job.id());
      }
    }
    Map<JobId, Job> there = new HashMap<>();
    found.forEach(job -> there.put(job.id(), job));
    return expected.equals(there);
  }
}
