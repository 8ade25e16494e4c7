package io.gpurunner.agent.ledger;

import io.gpurunner.agent.ledger.Records.UserKey;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The decisions of a group of commits that is not recorded yet, and the jobs as they are after
 * them. The decisions of the last commit can be undone. For one thread.
 */
final class Draft {
  private final List<Entry> entries = new ArrayList<>();
  private final Map<JobId, Change> changes = new LinkedHashMap<>();
  private final List<Entry> lastEntries = new ArrayList<>();
  private final Map<JobId, Change> lastChanges = new LinkedHashMap<>();

  /** The keys of new jobs; also of some whose commit was undone. */
  private final Map<UserKey, JobId> keys = new HashMap<>();

  void clear() {
    entries.clear();
    changes.clear();
    keys.clear();
    undoLast();
  }

  void undoLast() {
    lastEntries.clear();
    lastChanges.clear();
  }

  void keepLast() {
    entries.addAll(lastEntries);
    changes.putAll(lastChanges);
    undoLast();
  }

  void add(Entry.Created created) {
    put(created, Optional.empty())
        .flatMap(UserKey::of)
        .ifPresent(key -> keys.put(key, created.id()));
  }

  /**
   * Adds a decision about a job that is there.
   *
   * @param before the job as it was before
   */
  void add(Entry entry, JobRecord before) {
    Optional<JobRecord> _ = put(entry, Optional.of(before));
  }

  private Optional<JobRecord> put(Entry entry, Optional<JobRecord> before) {
    Optional<JobRecord> after = JobRecord.after(before, entry);
    lastEntries.add(entry);
    lastChanges.put(entry.id(), new Change(entry.id(), after));
    return after;
  }

  /** Returns a job as it is after the decisions; empty if none of them is about it. */
  Optional<Change> find(JobId id) {
    return Optional.ofNullable(lastChanges.get(id)).or(() -> Optional.ofNullable(changes.get(id)));
  }

  /** Returns the job that was created with a key. */
  Optional<JobRecord> find(UserKey key) {
    return Optional.ofNullable(keys.get(key)).flatMap(this::find).flatMap(Change::record);
  }

  /** Returns the jobs as they are after all decisions, with those of the last commit. */
  Collection<Change> changes() {
    Map<JobId, Change> all = new LinkedHashMap<>(changes);
    all.putAll(lastChanges);
    return all.values();
  }

  /** Returns the decisions of the commits that were kept. */
  List<Entry> entries() {
    return List.copyOf(entries);
  }

  /** Returns the jobs as they are after the decisions of the commits that were kept. */
  Collection<Change> kept() {
    return changes.values();
  }
}
