package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongPredicate;

/**
 * What some groups decided about each job. Entries are kept as JSON, which takes a fraction of the
 * memory, until somebody asks for their job. For one thread.
 */
final class GroupChanges {
  private final LongPredicate sequences;
  private final NavigableMap<Long, List<byte[]>> entries = new TreeMap<>();

  /**
   * @param sequences which jobs count
   */
  GroupChanges(LongPredicate sequences) {
    this.sequences = sequences;
  }

  void add(Frame group) throws IOException {
    GroupContent.read(
        group,
        (sequence, json) -> {
          if (sequences.test(sequence)) {
            entries.computeIfAbsent(sequence, _ -> new ArrayList<>(1)).add(json);
          }
        });
  }

  /** The highest sequence of a job that the groups are about; 0 for none. */
  long newest() {
    return entries.isEmpty() ? 0 : entries.lastKey();
  }

  /** Whether the groups left a job as it was. */
  boolean isUntouched(long sequence) {
    return !entries.containsKey(sequence);
  }

  /** The jobs, oldest first, whose sequence is higher: the groups created them. */
  Collection<Long> createdAfter(long sequence) {
    return entries.tailMap(sequence, false).keySet();
  }

  /**
   * The JSON of a new job to which nothing happened after its creation: that of its only entry,
   * which reads as the job's record, too.
   */
  Optional<byte[]> jsonOfUnchanged(long sequence) {
    List<byte[]> all = entries.getOrDefault(sequence, List.of());
    return all.size() == 1 ? Optional.of(all.getFirst()) : Optional.empty();
  }

  /**
   * A job as it is after the groups; empty where nothing is kept of it.
   *
   * @param before as it was before them; empty where they created it
   */
  Optional<JobRecord> after(long sequence, Optional<JobRecord> before) throws IOException {
    Optional<JobRecord> record = before;
    for (byte[] json : entries.getOrDefault(sequence, List.of())) {
      record = JobRecord.after(record, JobCodec.read(json, Entry.class));
    }
    return record;
  }
}
