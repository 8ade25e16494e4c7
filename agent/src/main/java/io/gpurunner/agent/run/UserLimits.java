package io.gpurunner.agent.run;

import java.util.OptionalInt;

/**
 * What one user may have at a time. Jobs beyond it wait, except that a job beyond the limit of
 * queued jobs is refused. Immutable.
 *
 * @param queuedJobs the number of jobs in the queue
 * @param placedJobs the number of jobs that hold something: from the moment they leave the queue
 *     until their container is gone
 * @param gpus the number of GPUs of all his jobs; empty if he may have all GPUs of the machine
 * @param jobsWithoutGpus the number of placed jobs without GPUs
 */
public record UserLimits(int queuedJobs, int placedJobs, OptionalInt gpus, int jobsWithoutGpus) {
  /** The limits of a machine whose configuration names none. */
  public static final UserLimits DEFAULT = new UserLimits(1_000, 64, OptionalInt.empty(), 32);

  /** Returns whether a user may have so many GPUs at a time. */
  boolean allowGpus(int number) {
    return gpus.isEmpty() || number <= gpus.getAsInt();
  }
}
