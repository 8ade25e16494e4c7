package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobRequest;
import java.util.Collection;

/**
 * The disk that jobs' volumes are on, and artifacts where the store is local.
 *
 * @param freeBytes free now, above the reserve
 * @param promisedBytes what jobs that hold a place, or upload, may still write
 * @param artifactsHere whether the artifacts of a job go to the same disk
 */
record DiskSpace(long freeBytes, long promisedBytes, boolean artifactsHere) {
  /** What those jobs were promised that have left the queue and have not ended. */
  static DiskSpace of(long freeBytes, Collection<Job> live, boolean artifactsHere) {
    DiskSpace empty = new DiskSpace(freeBytes, 0, artifactsHere);
    long promised = live.stream().mapToLong(empty::promisedTo).sum();
    return new DiskSpace(freeBytes, promised, artifactsHere);
  }

  /**
   * What a job has written is counted twice, as promised and as used: too careful, never too bold.
   */
  private long promisedTo(Job job) {
    return switch (job.state()) {
      case JobState.Queued _, JobState.Final _ -> 0;
      case JobState.Placed _ -> need(job.request());
      case JobState.Uploading _ -> artifactBytes(job.request());
    };
  }

  /** The most a job may write. */
  long need(JobRequest request) {
    return VolumeLimits.checkpointBytes(request)
        + VolumeLimits.modelBytes(request)
        + artifactBytes(request);
  }

  private long artifactBytes(JobRequest request) {
    return artifactsHere ? VolumeLimits.modelBytes(request) : 0;
  }

  long unpromisedBytes() {
    return freeBytes - promisedBytes;
  }

  /** Whether the end of jobs alone can make room for this one. */
  boolean everFits(JobRequest request) {
    return need(request) <= freeBytes;
  }
}
