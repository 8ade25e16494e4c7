package io.gpurunner.agent.job;

import io.gpurunner.api.GpuUse;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** An event of a job. The ledger commits events one at a time, and they are the job's history. */
public sealed interface JobEvent {
  /** An event of a job that holds its devices. */
  sealed interface OfRun extends JobEvent {}

  /** An event of a job whose run is over. */
  sealed interface OfUpload extends JobEvent {}

  /** The dispatcher leased these devices to the job. */
  record Leased(List<GpuUuid> gpus) implements JobEvent {
    public Leased {
      gpus = List.copyOf(gpus);
    }
  }

  /** The job's directories are ready. */
  record Prepared(Instant at) implements OfRun {}

  /**
   * The image is on this machine. The container may be created under this boot.
   *
   * @param digest of the image, if it was looked for just now
   * @param note what the job's user should know of how it was found
   */
  record Pulled(String bootId, Optional<String> digest, Optional<String> note) implements OfRun {}

  /** The container is created. It is started next, so from here on it may have run. */
  record Made(String containerId) implements OfRun {}

  /** A run is ending, and its container was found, which the ledger had not recorded. */
  record Found(String containerId) implements OfRun {}

  /**
   * The container has started.
   *
   * @param bootId the boot of this machine under which the start was seen
   * @param run the name of this run of the container (Observation)
   */
  record Started(
      Instant startedAt, Optional<Instant> deadline, String bootId, String containerId, String run)
      implements OfRun {}

  /**
   * The run must end, or has ended. In STOPPING, only a deletion changes the ending, or a container
   * that was started although the engine had refused to.
   */
  record RunEnded(Ending ending, Instant at) implements OfRun {}

  /**
   * The run's programs were asked to end.
   *
   * @param what which of them got the signal, in words
   */
  record StopSignalled(Instant killAt, String what) implements OfRun {}

  /** The container was seen gone. */
  record ContainerGone(Instant at) implements OfRun {}

  /**
   * The leases end: the devices are free again, or were waited for long enough.
   *
   * @param at the time of the event
   * @param uploadUntil until when an upload is retried, if one follows
   * @param retry whether a failed run is started again
   * @param stillBusy for each device that is still not free, why; the queue does not hand such a
   *     device out
   * @param earlier the earlier runs and why they failed, if this run failed and is the last
   * @param use what the run did with its GPUs; empty if it did not start
   */
  record GpusReleased(
      Instant at,
      Instant uploadUntil,
      boolean retry,
      List<String> stillBusy,
      List<FailedRuns.Run> earlier,
      List<GpuUse> use)
      implements OfRun {
    public GpusReleased {
      stillBusy = List.copyOf(stillBusy);
      earlier = List.copyOf(earlier);
      use = List.copyOf(use);
    }
  }

  /** The files that the run left in its directories are on disk. */
  record Synced() implements OfUpload {}

  /** An upload failed and will be retried. */
  record UploadPostponed(String reason, Instant notBefore) implements OfUpload {}

  /**
   * The artifacts are complete in the store.
   *
   * @param warnings what the job's user should know about them; each is a line of the history
   */
  record Uploaded(Instant at, Optional<String> artifact, ArtifactPlace place, List<String> warnings)
      implements OfUpload {
    public Uploaded {
      warnings = List.copyOf(warnings);
    }
  }

  /**
   * The upload is given up, so the store gets no artifacts. {@code retry-upload} can still bring
   * them there if the run's files were on disk before.
   */
  record UploadGivenUp(Instant at, String reason) implements OfUpload {}

  /** The job was deleted while it held neither GPU nor container. */
  record Removed(Instant at, String by) implements JobEvent {}

  /** {@code retry-upload}: the upload of a job that failed only for its upload is retried. */
  record UploadResumed(Instant at, Instant uploadUntil) implements OfUpload {}
}
