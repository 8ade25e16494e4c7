package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import java.util.Collection;

/**
 * Hears of the boundaries of a group of commits, on the ledger's thread. For whoever has the
 * process die there; production hears nothing.
 */
@FunctionalInterface
public interface CommitWatch {
  /** Hears nothing. */
  CommitWatch NONE = (_, _) -> {};

  /**
   * @param changed the jobs that the group changes, as they are after it
   */
  void reached(Boundary boundary, Collection<Job> changed);

  /** Where a group is. */
  enum Boundary {
    /** Written into the transaction, which is not committed. */
    UNCOMMITTED,
    /** On disk, and nobody knows. */
    UNTOLD,
    /** Everybody who waited was told. */
    TOLD
  }
}
