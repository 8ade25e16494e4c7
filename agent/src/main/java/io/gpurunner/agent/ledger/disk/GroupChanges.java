package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.JobState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What some groups, taken one after another, come to. For one thread. */
final class GroupChanges {
  private final Map<Long, JobRecord> created = new TreeMap<>();
  private final Map<Long, List<Entry>> changed = new HashMap<>();
  private long newest;

  void add(Group group) {
    group.entries().forEach(this::add);
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

  /** The jobs that were there before the groups, and that they changed. */
  Collection<Entry> changed() {
    return changed.values().stream().map(List::getFirst).toList();
  }

  /** Whether the groups left a job, which was there before, as it was. */
  boolean isUntouched(long sequence) {
    return !changed.containsKey(sequence);
  }

  /** The sequences of jobs that were there before, and that have a state of a live job now. */
  Set<Long> revived() {
    return changed.entrySet().stream()
        .filter(job -> job.getValue().stream().anyMatch(GroupChanges::isOfLive))
        .map(Map.Entry::getKey)
        .collect(Collectors.toSet());
  }

  private static boolean isOfLive(Entry entry) {
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
