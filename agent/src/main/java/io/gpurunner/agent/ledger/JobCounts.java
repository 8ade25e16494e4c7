package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How many jobs there are on disk, of each user and of all, so that nobody need count a million
 * rows. Written by the ledger's thread, read by all.
 */
final class JobCounts {
  private final Map<String, Long> ofUsers;
  private final AtomicLong total;

  /**
   * @param ofUsers the jobs of each user when the ledger was opened
   */
  JobCounts(Map<String, Long> ofUsers) {
    this.ofUsers = new ConcurrentHashMap<>(ofUsers);
    this.total = new AtomicLong(ofUsers.values().stream().mapToLong(count -> count).sum());
  }

  long of(String user) {
    return ofUsers.getOrDefault(user, 0L);
  }

  long total() {
    return total.get();
  }

  void created(Job job) {
    change(job.user(), 1);
  }

  /** The record of one of this user's jobs is gone. */
  void forgotten(String user) {
    change(user, -1);
  }

  private void change(String user, long by) {
    total.addAndGet(by);
    ofUsers.merge(user, by, (before, more) -> before + more == 0 ? null : before + more);
  }
}
