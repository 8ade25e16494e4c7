package io.gpurunner.agent.job;

import io.gpurunner.agent.job.JobEvent.ContainerGone;
import io.gpurunner.agent.job.JobEvent.Found;
import io.gpurunner.agent.job.JobEvent.GpusReleased;
import io.gpurunner.agent.job.JobEvent.Leased;
import io.gpurunner.agent.job.JobEvent.Made;
import io.gpurunner.agent.job.JobEvent.Prepared;
import io.gpurunner.agent.job.JobEvent.PullPostponed;
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
    return switch (state) {
      case Queued queued -> afterQueued(queued, event);
      case Preparing preparing -> afterPreparing(preparing, event);
      case Pulling pulling -> afterPulling(pulling, event);
      case Starting starting -> afterStarting(starting, event);
      case Running running -> afterRunning(running, event);
      case Stopping stopping -> afterStopping(stopping, event);
      case Uploading uploading -> afterUploading(uploading, event);
      case Failed failed -> afterFailed(failed, event);
      case Succeeded _, Deleted _ -> throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterQueued(Queued state, JobEvent event) {
    return switch (event) {
      case Leased leased -> new Preparing(state.attempt(), leased.gpus());
      case Removed removed -> new Deleted(removed.at(), Optional.empty(), removed.by());
      case Prepared _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          RunEnded _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterPreparing(Preparing state, JobEvent event) {
    return switch (event) {
      case Prepared prepared -> new Pulling(state.attempt(), state.gpus(), 0, prepared.at());
      case RunEnded ended -> stopping(state, ended, Optional.empty());
      case Leased _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterPulling(Pulling state, JobEvent event) {
    return switch (event) {
      case PullPostponed postponed ->
          new Pulling(
              state.attempt(), state.gpus(), state.failedPulls() + 1, postponed.notBefore());
      case Pulled pulled ->
          new Starting(state.attempt(), state.gpus(), pulled.bootId(), Optional.empty());
      case RunEnded ended -> stopping(state, ended, Optional.empty());
      case Leased _,
          Prepared _,
          Made _,
          Found _,
          Started _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterStarting(Starting state, JobEvent event) {
    return switch (event) {
      case Started started ->
          new Running(
              state.attempt(),
              state.gpus(),
              started.bootId(),
              started.containerId(),
              started.run(),
              started.startedAt(),
              started.deadline());
      case Made made ->
          new Starting(
              state.attempt(), state.gpus(), state.bootId(), Optional.of(made.containerId()));
      // The machine was started again before the container was started.
      case Pulled pulled ->
          new Starting(state.attempt(), state.gpus(), pulled.bootId(), Optional.empty());
      case RunEnded ended -> stopping(state, ended, state.containerId());
      case Leased _,
          Prepared _,
          PullPostponed _,
          Found _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterRunning(Running state, JobEvent event) {
    return switch (event) {
      case RunEnded ended ->
          new Stopping(
              state.attempt(),
              state.gpus(),
              Optional.of(state.containerId()),
              Optional.of(state.bootId()),
              ended.ending(),
              ended.at(),
              Optional.of(state.startedAt()),
              Optional.empty(),
              Optional.empty());
      case Leased _,
          Prepared _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterStopping(Stopping state, JobEvent event) {
    return switch (event) {
      case RunEnded(Ending.DeletedBy deleted, Instant _) ->
          new Stopping(
              state.attempt(),
              state.gpus(),
              state.containerId(),
              state.bootId(),
              deleted,
              state.since(),
              state.startedAt(),
              state.killAt(),
              state.goneAt());
      case Found found when state.containerId().isEmpty() ->
          new Stopping(
              state.attempt(),
              state.gpus(),
              Optional.of(found.containerId()),
              state.bootId(),
              state.ending(),
              state.since(),
              state.startedAt(),
              state.killAt(),
              state.goneAt());
      case StopSignalled signalled ->
          new Stopping(
              state.attempt(),
              state.gpus(),
              state.containerId(),
              state.bootId(),
              state.ending(),
              state.since(),
              state.startedAt(),
              Optional.of(signalled.killAt()),
              state.goneAt());
      case ContainerGone gone ->
          new Stopping(
              state.attempt(),
              state.gpus(),
              state.containerId(),
              state.bootId(),
              state.ending(),
              state.since(),
              state.startedAt(),
              state.killAt(),
              Optional.of(gone.at()));
      case GpusReleased released -> afterRelease(state, released);
      case RunEnded _,
          Leased _,
          Prepared _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
      case Synced _, UploadPostponed _, Uploaded _, UploadGivenUp _, UploadResumed _ ->
          throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterRelease(Stopping state, GpusReleased released) {
    if (state.goneAt().isEmpty()) {
      throw new IllegalTransitionException(state, released);
    }
    Instant at = released.at();
    return switch (state.ending()) {
      case Ending.Completed _, Ending.TimeUp _ ->
          new Uploading(state.startedAt(), state.bootId(), released.uploadUntil(), 0, at);
      case Ending.Broken broken when broken.retryable() && released.retry() ->
          new Queued(state.attempt() + 1);
      case Ending.Broken broken -> new Failed(at, state.startedAt(), broken.reason(), false);
      case Ending.DeletedBy deleted -> new Deleted(at, state.startedAt(), deleted.user());
    };
  }

  private static JobState afterUploading(Uploading state, JobEvent event) {
    return switch (event) {
      case Synced _ ->
          new Uploading(
              state.startedAt(),
              Optional.empty(),
              state.giveUpAt(),
              state.failedUploads(),
              state.notBefore());
      case UploadPostponed postponed ->
          new Uploading(
              state.startedAt(),
              state.unsyncedUnder(),
              state.giveUpAt(),
              state.failedUploads() + 1,
              postponed.notBefore());
      case Uploaded uploaded when state.unsyncedUnder().isEmpty() ->
          new Succeeded(
              uploaded.at(), state.startedAt(), uploaded.artifact(), Optional.of(uploaded.place()));
      case UploadGivenUp givenUp ->
          new Failed(
              givenUp.at(), state.startedAt(), givenUp.reason(), state.unsyncedUnder().isEmpty());
      case Removed removed -> new Deleted(removed.at(), state.startedAt(), removed.by());
      case Leased _,
          Prepared _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          RunEnded _,
          StopSignalled _,
          ContainerGone _,
          GpusReleased _ ->
          throw new IllegalTransitionException(state, event);
      case Uploaded _, UploadResumed _ -> throw new IllegalTransitionException(state, event);
    };
  }

  private static JobState afterFailed(Failed state, JobEvent event) {
    return switch (event) {
      case UploadResumed resumed when state.uploadable() ->
          new Uploading(
              state.startedAt(), Optional.empty(), resumed.uploadUntil(), 0, resumed.at());
      case UploadResumed _,
          Leased _,
          Prepared _,
          PullPostponed _,
          Pulled _,
          Made _,
          Found _,
          Started _,
          RunEnded _,
          StopSignalled _ ->
          throw new IllegalTransitionException(state, event);
      case ContainerGone _,
          GpusReleased _,
          Synced _,
          UploadPostponed _,
          Uploaded _,
          UploadGivenUp _,
          Removed _ ->
          throw new IllegalTransitionException(state, event);
    };
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
