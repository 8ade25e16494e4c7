package io.gpurunner.agent.ledger.disk;

import java.util.List;

/**
 * What a ledger must know after it was opened, before it can decide anything.
 *
 * @param jobs those that have not ended, and those whose callback is owed, oldest first
 * @param newestSequence the highest sequence that a job ever had; 0 where there was none
 */
public record Needed(List<JobRecord> jobs, long newestSequence) {
  public Needed {
    jobs = List.copyOf(jobs);
  }
}
