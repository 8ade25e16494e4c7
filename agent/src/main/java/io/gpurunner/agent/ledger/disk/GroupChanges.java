package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.JobState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongPredicate;

/**
 * The jobs that some groups create and change, as they are after the last group. For one thread.
 */
final class GroupChanges {
  private final LongPredicate sequences;
  private final Map<Long, JobRecord> created = new TreeMap<>();
  private final Map<Long, List<Entry>> changed = new HashMap<>();
  private long newest;

  /**
   * @param sequences which jobs count
   */
  GroupChanges(LongPredicate sequences) {
    this.sequences = sequences;
  }

  void add(Group group) {
    group.entries().stream().filter(entry -> sequences.test(entry.sequence())).forEach(this::add);
  }

  private void add(Entry entry) {
    newest = Math.max(newest, entry.sequence());
    if (entry instanceof Entry.Created first) {
      created.put(first.sequence(), JobRecord.of(first));
    } else if (created.containsKey(entry.sequence())) {
      created.computeIfPresent(entry.sequence(), (_, record) -> record.after(entry).orElse(null));
    } else {
      changed.computeIfAbsent(entry.sequence(), _ -> new ArrayList<>()).add(entry);
    }
  }

  /** The highest sequence of a job that the groups are about; 0 for none. */
  long newest() {
    return newest;
  }

  /** The jobs that the groups created, and did not forget, oldest first. */
  Collection<JobRecord> created() {
    return created.values();
  }

  /** Whether the groups left a job, which was there before, as it was. */
  boolean isUntouched(long sequence) {
    return !changed.containsKey(sequence);
  }

  /** Returns whether an entry makes an existing job live. */
  static boolean isOfLive(Entry entry) {
    return entry instanceof Entry.Changed change && change.state() instanceof JobState.Live;
  }

  /** A job that was there before, as it is after the groups; empty where they forgot it. */
  Optional<JobRecord> after(JobRecord before) {
    Optional<JobRecord> record = Optional.of(before);
    for (Entry entry : changed.getOrDefault(before.job().sequence(), List.of())) {
      record = record.flatMap(now -> now.after(entry));
    }
    return record;
  }
}
