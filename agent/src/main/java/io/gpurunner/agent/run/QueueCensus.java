package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import java.time.Instant;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How many jobs waited in the last decision of the queue, and since when. Immutable.
 *
 * @param since when each waiting job began to wait, as far as this agent knows
 * @param jobs how many jobs wait for each kind of thing; a kind that none waits for is absent
 * @param oldest since when the job waits that has waited for such a thing for the longest time
 * @param besideFreeGpus since when the oldest of those jobs waits for which enough GPUs are free
 */
public record QueueCensus(
    Map<JobId, Instant> since,
    Map<WaitReason, Integer> jobs,
    Map<WaitReason, Instant> oldest,
    Optional<Instant> besideFreeGpus) {
  /** No job waits. */
  static final QueueCensus EMPTY = new QueueCensus(Map.of(), Map.of(), Map.of(), Optional.empty());

  /** Returns the census after a decision. */
  static QueueCensus of(
      QueueCensus before, List<Job> queued, Map<JobId, Placement.Waiting> waiting, Instant now) {
    Map<JobId, Instant> since = new HashMap<>();
    Map<WaitReason, Integer> jobs = new EnumMap<>(WaitReason.class);
    Map<WaitReason, Instant> oldest = new EnumMap<>(WaitReason.class);
    Optional<Instant> besideFree = Optional.empty();
    for (Job job : queued) {
      Placement.Waiting wait = waiting.get(job.id());
      if (wait != null) {
        Instant began =
            Optional.ofNullable(before.since.get(job.id())).orElseGet(() -> began(job, now));
        since.put(job.id(), began);
        jobs.merge(wait.kind(), 1, Integer::sum);
        oldest.merge(wait.kind(), began, QueueCensus::earlier);
        if (wait.besideFreeGpus()) {
          besideFree = Optional.of(besideFree.map(at -> earlier(at, began)).orElse(began));
        }
      }
    }
    return new QueueCensus(since, jobs, oldest, besideFree);
  }

  /** A job that is back in the queue waits since it was seen there. */
  private static Instant began(Job job, Instant now) {
    boolean isNew =
        job.state() instanceof JobState.Queued queued
            && queued.attempt() == 1
            && job.setback().isEmpty();
    return isNew ? job.createdAt() : now;
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }
}
