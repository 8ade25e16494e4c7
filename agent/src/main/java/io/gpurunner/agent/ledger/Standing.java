package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobStatus;
import io.gpurunner.storage.ArtifactPlace;
import java.util.Optional;

/**
 * The owner of a job, and what its status answers. Tens of thousands are kept in memory, so a
 * standing holds no reason and no other long text.
 *
 * @param artifact what clients fetch; empty where the job has not succeeded, or left no file
 */
public record Standing(JobId id, String user, JobStatus.Phase phase, Optional<Published> artifact) {
  /**
   * What a success published.
   *
   * @param place empty where it was not recorded: in the store that is configured
   * @param files what is left of the job's files on this machine
   */
  public record Published(String file, Optional<ArtifactPlace> place, JobFiles files) {}

  /** Returns the standing of a job. */
  public static Standing of(Job job) {
    return switch (job.state()) {
      case JobState.Live _ -> of(job, JobStatus.Phase.WORKING, Optional.empty());
      case JobState.Succeeded success ->
          of(
              job,
              JobStatus.Phase.SUCCESS,
              success.artifact().map(file -> new Published(file, success.place(), job.files())));
      case JobState.Failed _, JobState.Deleted _ -> of(job, JobStatus.Phase.FAIL, Optional.empty());
    };
  }

  private static Standing of(Job job, JobStatus.Phase phase, Optional<Published> artifact) {
    return new Standing(job.id(), job.user(), phase, artifact);
  }
}
