package io.gpurunner.agent.job;

import io.gpurunner.agent.job.JobEvent.ContainerGone;
import io.gpurunner.agent.job.JobEvent.Found;
import io.gpurunner.agent.job.JobEvent.GpusReleased;
import io.gpurunner.agent.job.JobEvent.Leased;
import io.gpurunner.agent.job.JobEvent.Made;
import io.gpurunner.agent.job.JobEvent.OfRun;
import io.gpurunner.agent.job.JobEvent.OfUpload;
import io.gpurunner.agent.job.JobEvent.Prepared;
import io.gpurunner.agent.job.JobEvent.Pulled;
import io.gpurunner.agent.job.JobEvent.Removed;
import io.gpurunner.agent.job.JobEvent.RunEnded;
import io.gpurunner.agent.job.JobEvent.Started;
import io.gpurunner.agent.job.JobEvent.StopSignalled;
import io.gpurunner.agent.job.JobEvent.Synced;
import io.gpurunner.agent.job.JobEvent.UploadGivenUp;
import io.gpurunner.agent.job.JobEvent.UploadPostponed;
import io.gpurunner.agent.job.JobEvent.UploadResumed;
import io.gpurunner.agent.job.JobEvent.Uploaded;
import io.gpurunner.agent.job.JobState.Deleted;
import io.gpurunner.agent.job.JobState.Failed;
import io.gpurunner.agent.job.JobState.Placed;
import io.gpurunner.agent.job.JobState.Preparing;
import io.gpurunner.agent.job.JobState.Pulling;
import io.gpurunner.agent.job.JobState.Queued;
import io.gpurunner.agent.job.JobState.Running;
import io.gpurunner.agent.job.JobState.Starting;
import io.gpurunner.agent.job.JobState.Stopping;
import io.gpurunner.agent.job.JobState.Succeeded;
import io.gpurunner.agent.job.JobState.Uploading;
import java.time.Instant;
import java.util.Optional;

/** Decides the state after each event, and no other class does. Pure. */
public final class JobTransitions {
  private JobTransitions() {}

  /**
   * Returns the state after an event.
   *
   * @throws IllegalTransitionException if this event cannot happen in this state, which is a defect
   *     of the caller and never a user's mistake
   */
  public static JobState next(JobState state, JobEvent event) {
    Optional<JobState> next =
        switch (state) {
          case Queued queued -> afterQueued(queued, event);
          case Preparing preparing -> afterPreparing(preparing, event);
          case Pulling pulling -> afterPulling(pulling, event);
          case Starting starting -> afterStarting(starting, event);
          case Running running -> afterRunning(running, event);
          case Stopping stopping -> afterStopping(stopping, event);
          case Uploading uploading -> afterUploading(uploading, event);
          case Failed failed -> afterFailed(failed, event);
          case Succeeded _, Deleted _ -> Optional.empty();
        };
    return next.orElseThrow(() -> new IllegalTransitionException(state, event));
  }

  private static Optional<JobState> afterQueued(Queued state, JobEvent event) {
    return switch (event) {
      case Leased leased -> Optional.of(new Preparing(state.attempt(), leased.gpus()));
      case Removed removed ->
          Optional.of(new Deleted(removed.at(), Optional.empty(), removed.by()));
      case OfRun _, OfUpload _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterPreparing(Preparing state, JobEvent event) {
    return switch (event) {
      case Prepared _ -> Optional.of(new Pulling(state.attempt(), state.gpus()));
      case RunEnded ended -> Optional.of(stopping(state, ended, Optional.empty()));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterPulling(Pulling state, JobEvent event) {
    return switch (event) {
      case Pulled pulled -> Optional.of(starting(state, pulled));
      case RunEnded ended -> Optional.of(stopping(state, ended, Optional.empty()));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterStarting(Starting state, JobEvent event) {
    return switch (event) {
      case Started started ->
          Optional.of(
              new Running(
                  state.attempt(),
                  state.gpus(),
                  started.bootId(),
                  started.containerId(),
                  started.run(),
                  started.startedAt(),
                  started.deadline()));
      case Made made ->
          Optional.of(
              new Starting(
                  state.attempt(), state.gpus(), state.bootId(), Optional.of(made.containerId())));
      // The machine was started again before the container was started.
      case Pulled pulled -> Optional.of(starting(state, pulled));
      case RunEnded ended -> Optional.of(stopping(state, ended, state.containerId()));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterRunning(Running state, JobEvent event) {
    return switch (event) {
      case RunEnded ended ->
          Optional.of(
              new Stopping(
                  state.attempt(),
                  state.gpus(),
                  Optional.of(state.containerId()),
                  Optional.of(state.bootId()),
                  ended.ending(),
                  ended.at(),
                  Optional.of(state.startedAt()),
                  Optional.empty(),
                  Optional.empty()));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterStopping(Stopping state, JobEvent event) {
    return switch (event) {
      case RunEnded(Ending.DeletedBy deleted, Instant _) -> Optional.of(state.withEnding(deleted));
      // The container was started after all, so the run is over.
      case RunEnded(Ending.Broken broken, Instant _)
          when state.ending() instanceof Ending.NotStarted ->
          Optional.of(state.withEnding(broken));
      case Found found when state.containerId().isEmpty() ->
          Optional.of(state.withContainer(found.containerId()));
      case StopSignalled signalled -> Optional.of(state.withKillAt(signalled.killAt()));
      case ContainerGone gone -> Optional.of(state.withGoneAt(gone.at()));
      case GpusReleased released when state.goneAt().isPresent() ->
          Optional.of(afterRelease(state, released));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static JobState afterRelease(Stopping state, GpusReleased released) {
    Instant at = released.at();
    return switch (state.ending()) {
      case Ending.Completed _, Ending.TimeUp _ ->
          new Uploading(
              state.startedAt(), state.bootId(), released.uploadUntil(), 0, at, Optional.empty());
      case Ending.Broken broken when broken.retryable() && released.retry() ->
          new Queued(state.attempt() + 1);
      case Ending.Broken broken ->
          new Failed(
              at,
              state.startedAt(),
              FailedRuns.reason(
                  new FailedRuns.Run(state.attempt(), broken.reason()), released.earlier()),
              false);
      case Ending.NotStarted _ -> new Queued(state.attempt());
      case Ending.DeletedBy deleted -> new Deleted(at, state.startedAt(), deleted.user());
    };
  }

  private static Optional<JobState> afterUploading(Uploading state, JobEvent event) {
    return switch (event) {
      case Synced _ ->
          Optional.of(
              new Uploading(
                  state.startedAt(),
                  Optional.empty(),
                  state.giveUpAt(),
                  state.failedUploads(),
                  state.notBefore(),
                  Optional.empty()));
      case UploadPostponed postponed ->
          Optional.of(
              new Uploading(
                  state.startedAt(),
                  state.unsyncedUnder(),
                  state.giveUpAt(),
                  state.failedUploads() + 1,
                  postponed.notBefore(),
                  Optional.of(postponed.reason())));
      case Uploaded uploaded when state.unsyncedUnder().isEmpty() ->
          Optional.of(
              new Succeeded(
                  uploaded.at(),
                  state.startedAt(),
                  uploaded.artifact(),
                  Optional.of(uploaded.place())));
      case UploadGivenUp givenUp ->
          Optional.of(
              new Failed(
                  givenUp.at(),
                  state.startedAt(),
                  givenUp.reason(),
                  state.unsyncedUnder().isEmpty()));
      case Removed removed ->
          Optional.of(new Deleted(removed.at(), state.startedAt(), removed.by()));
      case Leased _, OfRun _, OfUpload _ -> Optional.empty();
    };
  }

  private static Optional<JobState> afterFailed(Failed state, JobEvent event) {
    return switch (event) {
      case UploadResumed resumed when state.uploadable() ->
          Optional.of(
              new Uploading(
                  state.startedAt(),
                  Optional.empty(),
                  resumed.uploadUntil(),
                  0,
                  resumed.at(),
                  Optional.empty()));
      case Leased _, OfRun _, OfUpload _, Removed _ -> Optional.empty();
    };
  }

  private static Starting starting(Placed state, Pulled pulled) {
    return new Starting(state.attempt(), state.gpus(), pulled.bootId(), Optional.empty());
  }

  /** Returns the state STOPPING of a run that was not seen running. */
  private static Stopping stopping(Placed state, RunEnded ended, Optional<String> containerId) {
    return new Stopping(
        state.attempt(),
        state.gpus(),
        containerId,
        Optional.empty(),
        ended.ending(),
        ended.at(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }
}
