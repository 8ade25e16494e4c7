package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import java.util.Collection;

/**
 * Is called at the boundaries of a group of commits, on the ledger's thread. Tests end the process
 * there; production uses {@link #NONE}.
 */
@FunctionalInterface
public interface CommitWatch {
  /** Does nothing. */
  CommitWatch NONE = (_, _) -> {};

  /**
   * @param changed the jobs that the group changes, as they are after it
   */
  void reached(Boundary boundary, Collection<Job> changed);

  /** Where a group is. */
  enum Boundary {
    /** The group is decided, and nothing of it is written yet. */
    UNCOMMITTED,
    /** The group is on disk, and no caller is answered yet. */
    UNTOLD,
    /** All callers of the group are answered. */
    TOLD
  }
}
