package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What some groups, taken one after another, come to. For one thread. */
final class GroupChanges {
  private final Map<JobId, JobRecord> created = new LinkedHashMap<>();
  private final Map<JobId, List<Entry>> changed = new HashMap<>();

  void add(Group group) {
    group.entries().forEach(this::add);
  }

  private void add(Entry entry) {
    if (entry instanceof Entry.Created first) {
      created.put(first.id(), JobRecord.of(first));
    } else if (created.containsKey(entry.id())) {
      created.computeIfPresent(entry.id(), (_, record) -> record.after(entry).orElse(null));
    } else {
      changed.computeIfAbsent(entry.id(), _ -> new ArrayList<>()).add(entry);
    }
  }

  /** The jobs that the groups created, and did not forget, oldest first. */
  Collection<JobRecord> created() {
    return created.values();
  }

  /** The jobs that were there before the groups, and that they changed. */
  Set<JobId> changed() {
    return changed.keySet();
  }

  /** A job that was there before, as it is after the groups; empty where they forgot it. */
  Optional<JobRecord> after(JobRecord before) {
    Optional<JobRecord> record = Optional.of(before);
    for (Entry entry : changed.getOrDefault(before.job().id(), List.of())) {
      record = record.flatMap(now -> now.after(entry));
    }
    return record;
  }
}
