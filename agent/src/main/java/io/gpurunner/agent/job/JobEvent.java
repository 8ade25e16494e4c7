package io.gpurunner.agent.job;

import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** An event of a job. The ledger commits events one at a time, and they are the job's history. */
public sealed interface JobEvent {
  /** The dispatcher leased these devices to the job. */
  record Leased(List<GpuUuid> gpus) implements JobEvent {
    public Leased {
      gpus = List.copyOf(gpus);
    }
  }

  /** The job's directories are there. */
  record Prepared(Instant at) implements JobEvent {}

  /** A pull failed and will be retried. */
  record PullPostponed(String reason, Instant notBefore) implements JobEvent {}

  /** The image is there. The container may be created under this boot. */
  record Pulled(String bootId) implements JobEvent {}

  /** The container is created. It is started next, and may have run from here on. */
  record Made(String containerId) implements JobEvent {}

  /** A container of an ending run was found, and the ledger had recorded none. */
  record Found(String containerId) implements JobEvent {}

  /**
   * The container has started.
   *
   * @param bootId the boot of this machine under which that was seen
   * @param run the run of that container (Observation)
   */
  record Started(
      Instant startedAt, Optional<Instant> deadline, String bootId, String containerId, String run)
      implements JobEvent {}

  /** The run must end, or has ended. In STOPPING only a deletion changes anything. */
  record RunEnded(Ending ending, Instant at) implements JobEvent {}

  /** SIGTERM was sent. */
  record StopSignalled(Instant killAt) implements JobEvent {}

  /** The container was seen gone. */
  record ContainerGone(Instant at) implements JobEvent {}

  /**
   * The devices are free again (or were waited for long enough): the leases end.
   *
   * @param at now
   * @param uploadUntil end of the retry window of an upload, should one follow
   * @param retry whether a failed run is to be started again
   * @param stillBusy why a device is not free, where it was waited for long enough; the queue does
   *     not hand such a device out
   */
  record GpusReleased(Instant at, Instant uploadUntil, boolean retry, List<String> stillBusy)
      implements JobEvent {
    public GpusReleased {
      stillBusy = List.copyOf(stillBusy);
    }
  }

  /** What the run left in its directories is on disk. */
  record Synced() implements JobEvent {}

  /** An upload failed and will be tried again. */
  record UploadPostponed(String reason, Instant notBefore) implements JobEvent {}

  /** The artifacts are complete in the store. */
  record Uploaded(Instant at, Optional<String> artifact, ArtifactPlace place) implements JobEvent {}

  /**
   * There will be no artifacts in the store; {@code retry-upload} can mend that only where what the
   * run left was on disk before.
   */
  record UploadGivenUp(Instant at, String reason) implements JobEvent {}

  /** Deleted while it held neither GPU nor container. */
  record Removed(Instant at, String by) implements JobEvent {}

  /** {@code retry-upload}: a job that failed for its upload alone is uploaded again. */
  record UploadResumed(Instant at, Instant uploadUntil) implements JobEvent {}
}
