package io.gpurunner.agent.job;

import io.gpurunner.api.GpuUse;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.storage.JobFolder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A job as it was committed. Immutable; each commit gives it a higher version.
 *
 * @param sequence the job's number in the order of arrival
 * @param version counts the commits to this job; a commit names the version that it was decided on
 * @param deletion the deletion request, if there is one; the job's steps act on it
 * @param setback why the job's next run has not started yet, if a start was prevented
 * @param files whether its directories and local artifacts are still there
 * @param gpuUse what its ended runs did with the GPUs that they held, in order
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
    Optional<Setback> setback,
    JobFiles files,
    List<GpuUse> gpuUse) {
  public Job {
    gpuUse = gpuUse == null ? List.of() : List.copyOf(gpuUse); // a record from before it was kept
  }

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
        Optional.empty(),
        JobFiles.KEPT,
        List.of());
  }

  /** Returns the name of the folders of this job's data. */
  public JobFolder folder() {
    return new JobFolder(id.value());
  }

  /**
   * Returns this job after an event, with the next version.
   *
   * @throws IllegalTransitionException if this event cannot happen in this state
   */
  public Job after(JobEvent event) {
    return moved(JobTransitions.next(state, event), setbackAfter(event), gpuUseAfter(event));
  }

  /** Returns this job in another state and with the next version. */
  public Job moved(JobState next) {
    return moved(next, setback, gpuUse);
  }

  private Job moved(JobState next, Optional<Setback> nextSetback, List<GpuUse> nextUse) {
    return next(next, deletion, nextSetback, files, nextUse);
  }

  /** Returns the next version of this job. */
  private Job next(
      JobState nextState,
      Optional<Deletion> nextDeletion,
      Optional<Setback> nextSetback,
      JobFiles nextFiles,
      List<GpuUse> nextUse) {
    return new Job(
        id,
        user,
        sequence,
        version + 1,
        createdAt,
        request,
        nextState,
        nextDeletion,
        nextSetback,
        nextFiles,
        nextUse);
  }

  private List<GpuUse> gpuUseAfter(JobEvent event) {
    return event instanceof JobEvent.GpusReleased released
        ? Stream.concat(gpuUse.stream(), released.use().stream()).toList()
        : gpuUse;
  }

  private Optional<Setback> setbackAfter(JobEvent event) {
    return switch (event) {
      case JobEvent.Started _ -> Optional.empty();
      case JobEvent.GpusReleased released
          when state instanceof JobState.Stopping stopping
              && stopping.ending() instanceof Ending.NotStarted ending ->
          Optional.of(Setback.after(setback, ending, released.at()));
      case JobEvent.GpusReleased _ -> Optional.empty(); // another run begins without it
      case JobEvent.OfRun _, JobEvent.OfUpload _, JobEvent.Leased _, JobEvent.Removed _ -> setback;
    };
  }

  /** Returns this version of the job with another form of its request, for showing it. */
  public Job withRequest(JobRequest shown) {
    return new Job(
        id, user, sequence, version, createdAt, shown, state, deletion, setback, files, gpuUse);
  }

  /** Returns this job with a deletion request and the next version. */
  public Job withDeletion(Deletion requested) {
    return next(state, Optional.of(requested), setback, files, gpuUse);
  }

  /** Returns this job with another condition of its files and the next version. */
  public Job withFiles(JobFiles nextFiles) {
    return next(state, deletion, setback, nextFiles, gpuUse);
  }

  /** Returns when the job's run started. It is empty if the run has not started. */
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
