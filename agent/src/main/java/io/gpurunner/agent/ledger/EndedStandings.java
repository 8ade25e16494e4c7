package io.gpurunner.agent.ledger;

import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * A cache of the standings of ended jobs. It keeps the jobs that ended or were asked for last,
 * because clients ask for the same jobs again and again. A commit that changes a job removes it
 * from the cache. Thread-safe.
 */
final class EndedStandings {
  /** The number of jobs that are kept; they take about 15 MB. */
  private static final int LIMIT = 50_000;

  /** Users, file names and places that many jobs have in common are kept once, so many of them. */
  private static final int SHARED_LIMIT = 1_000;

  private final Map<JobId, Standing> standings =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<JobId, Standing> eldest) {
          return size() > LIMIT;
        }
      };

  private final Map<Object, Object> shared = new HashMap<>();

  /** The number of groups that were committed. What was read before the last one may be stale. */
  private long commits;

  /** Returns the standing from the cache, or reads it. */
  Optional<Standing> find(JobId id, Function<JobId, Optional<Standing>> database) {
    long before;
    synchronized (this) {
      Standing known = standings.get(id);
      if (known != null) {
        return Optional.of(known);
      }
      before = commits;
    }
    Optional<Standing> read = database.apply(id);
    read.ifPresent(standing -> keep(standing, before));
    return read;
  }

  private synchronized void keep(Standing standing, long before) {
    if (commits == before && standing.phase() != JobStatus.Phase.WORKING) {
      put(standing);
    }
  }

  private void put(Standing standing) {
    standings.put(
        standing.id(),
        new Standing(
            standing.id(),
            share(standing.user()),
            standing.phase(),
            standing
                .artifact()
                .map(
                    artifact ->
                        new Standing.Published(
                            share(artifact.file()),
                            artifact.place().map(this::share),
                            artifact.files()))));
  }

  /** Returns an equal value that is kept already, or else this one. */
  @SuppressWarnings("unchecked") // what is equal is of the same type
  private <T> T share(T value) {
    Object known = shared.get(value);
    if (known != null) {
      return (T) known;
    }
    if (shared.size() < SHARED_LIMIT) {
      shared.put(value, value);
    }
    return value;
  }

  /** A group changed these jobs. */
  synchronized void changed(Collection<Change> changes) {
    commits++;
    for (Change change : changes) {
      Optional<JobRecord> ended = change.record().filter(record -> !record.isLive());
      if (ended.isPresent()) {
        put(Standing.of(ended.get().job()));
      } else {
        standings.remove(change.id());
      }
    }
  }
}
