package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobRequest;

/**
 * The disk that holds the jobs' volumes and outputs, and their artifacts if the store is local.
 *
 * @param freeBytes the bytes that are free now, without the agent's reserve
 * @param artifactsHere whether the artifacts of a job go to the same disk
 * @param logBytes the most bytes that the output of a run takes
 * @param users how much of it each user may have
 */
record DiskSpace(long freeBytes, boolean artifactsHere, long logBytes, UserDisk users) {
  /** Creates a disk of which each user may have all. */
  DiskSpace(long freeBytes, boolean artifactsHere, long logBytes) {
    this(freeBytes, artifactsHere, logBytes, UserDisk.UNLIMITED);
  }

  /**
   * Returns how many bytes a placed job may still write. Bytes that it has written are counted
   * twice, as promised and as used, so the result may be too large and is never too small.
   */
  long promisedTo(Job job) {
    return switch (job.state()) {
      case JobState.Queued _, JobState.Final _ -> 0;
      case JobState.Placed _ -> need(job.request());
      case JobState.Uploading _ -> artifactBytes(job.request());
    };
  }

  /** Returns the most bytes that a job may write. */
  long need(JobRequest request) {
    return RequestedVolumes.checkpointBytes(request)
        + RequestedVolumes.modelBytes(request)
        + artifactBytes(request)
        + logBytes;
  }

  private long artifactBytes(JobRequest request) {
    return artifactsHere ? RequestedVolumes.modelBytes(request) : 0;
  }

  /** Returns whether the job fits on the disk once all other jobs have ended. */
  boolean everFits(JobRequest request) {
    return need(request) <= freeBytes;
  }
}
