package io.gpurunner.agent.job;

import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.storage.JobFolder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * A job as it was committed. Immutable; a newer one has a higher version.
 *
 * @param sequence order of arrival
 * @param version counts the commits to this job; a commit names the version that it was decided on
 * @param deletion the deletion request, which the runner carries out
 * @param files what is left of its directories and local artifacts
 */
public record Job(
    JobId id,
    String user,
    long sequence,
    long version,
    Instant createdAt,
    JobRequest request,
    JobState state,
    Optional<Deletion> deletion,
    JobFiles files) {

  /** A deletion request: who asked, and when. */
  public record Deletion(String by, Instant at) {
    public Deletion {
      at = at.truncatedTo(ChronoUnit.MILLIS); // as the ledger keeps it
    }
  }

  /** Creates a queued job. */
  public static Job created(JobId id, String user, long sequence, Instant at, JobRequest request) {
    return new Job(
        id,
        user,
        sequence,
        1,
        at.truncatedTo(ChronoUnit.MILLIS), // as the ledger keeps it
        request,
        new JobState.Queued(1),
        Optional.empty(),
        JobFiles.KEPT);
  }

  /** Returns the name that all its data has. */
  public JobFolder folder() {
    return new JobFolder(id.value());
  }

  /** Returns this job in another state, with the next version. */
  public Job moved(JobState next) {
    return new Job(id, user, sequence, version + 1, createdAt, request, next, deletion, files);
  }

  /** Returns this job with a deletion request, with the next version. */
  public Job withDeletion(Deletion wish) {
    return new Job(
        id, user, sequence, version + 1, createdAt, request, state, Optional.of(wish), files);
  }

  /** Returns this job with its files in another condition, with the next version. */
  public Job withFiles(JobFiles next) {
    return new Job(id, user, sequence, version + 1, createdAt, request, state, deletion, next);
  }

  /** Returns when the job's run started, if it did. */
  public Optional<Instant> startedAt() {
    return switch (state) {
      case JobState.Queued _, JobState.Preparing _, JobState.Pulling _, JobState.Starting _ ->
          Optional.empty();
      case JobState.Running running -> Optional.of(running.startedAt());
      case JobState.Stopping stopping -> stopping.startedAt();
      case JobState.Uploading uploading -> uploading.startedAt();
      case JobState.Succeeded succeeded -> succeeded.startedAt();
      case JobState.Failed failed -> failed.startedAt();
      case JobState.Deleted deleted -> deleted.startedAt();
    };
  }
}
