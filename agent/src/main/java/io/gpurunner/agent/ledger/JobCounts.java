package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How many jobs there are on disk, of all users and of each who asked, so that nobody need count a
 * million rows twice. Written by the ledger's thread, read by all.
 */
final class JobCounts {
  private final Map<String, Long> ofUsers = new ConcurrentHashMap<>();
  private final AtomicLong total;

  /**
   * @param total all jobs when the ledger was opened
   */
  JobCounts(long total) {
    this.total = new AtomicLong(total);
  }

  long total() {
    return total.get();
  }

  /** Empty until {@link #counted}. */
  OptionalLong of(String user) {
    Long count = ofUsers.get(user);
    return count == null ? OptionalLong.empty() : OptionalLong.of(count);
  }

  /** The user's jobs were counted; from now on the count is kept up to date. */
  void counted(String user, long jobs) {
    ofUsers.put(user, jobs);
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
    ofUsers.computeIfPresent(user, (_, before) -> before + by);
  }
}
