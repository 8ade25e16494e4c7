package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;

/** Whose a job is and where it stands: all that is asked often of jobs that ended long ago. */
public record Standing(JobId id, String user, JobState state, JobFiles files) {
  /** Of a job that was read whole. */
  public static Standing of(Job job) {
    return new Standing(job.id(), job.user(), job.state(), job.files());
  }
}
