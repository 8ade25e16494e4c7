package io.gpurunner.agent.config;

import java.util.Optional;

/**
 * What one user may have at a time.
 *
 * @param queuedJobs the number of jobs in the queue
 * @param placedJobs the number of jobs that have left the queue and whose container is not gone
 * @param gpus the number of GPUs; empty if a user may have all of them
 * @param jobsWithoutGpus the number of placed jobs without GPUs
 * @param diskMegabytes the most that the jobs of a user may have on this machine's disk, in MB of
 *     10^6 bytes; empty for no limit
 */
public record LimitsConfig(
    int queuedJobs,
    int placedJobs,
    Optional<Integer> gpus,
    int jobsWithoutGpus,
    Optional<Long> diskMegabytes) {
  private static final int MOST_QUEUED = 10_000;
  private static final int MOST_PLACED = 1_024;

  static LimitsConfig read(Section section) {
    return new LimitsConfig(
        section.value("queued-jobs", 1_000, ValueForms.wholeNumber(1, MOST_QUEUED)),
        section.value("placed-jobs", 64, ValueForms.wholeNumber(1, MOST_PLACED)),
        section.optional("gpus", ValueForms.wholeNumber(1, MOST_PLACED)),
        section.value("jobs-without-gpus", 32, ValueForms.wholeNumber(1, MOST_PLACED)),
        section.optional("disk-per-user", ValueForms.MEGABYTES));
  }
}
