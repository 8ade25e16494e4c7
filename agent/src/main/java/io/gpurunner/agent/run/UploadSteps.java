package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.os.Backoff;
import io.gpurunner.agent.run.NextStep.Boot;
import io.gpurunner.agent.run.NextStep.Phase;
import io.gpurunner.agent.run.NextStep.Seen;
import io.gpurunner.agent.run.NextStep.Verdict;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.LibraryMount;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.ModelSource;
import io.gpurunner.storage.PublishedArtifacts;
import io.gpurunner.storage.StorageException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The steps of a job whose artifacts are being uploaded. Stateless; thread-safe. */
final class UploadSteps {
  private static final String NOT_WRITTEN = "the job's files could not be written to disk";

  private static final Backoff PAUSES =
      new Backoff(RunSettings.UPLOAD_PAUSE, RunSettings.UPLOAD_PAUSE_LIMIT);

  private final StepPorts ports;
  private final Clock clock;
  private final CommonOutcomes outcomes;
  private final String bootId;
  private final Turns syncing;
  private final Turns uploading;

  /**
   * @param bootId the current boot of this machine
   */
  UploadSteps(
      StepPorts ports,
      String bootId,
      Clock clock,
      CommonOutcomes outcomes,
      Turns syncing,
      Turns uploading) {
    this.ports = ports;
    this.bootId = bootId;
    this.clock = clock;
    this.outcomes = outcomes;
    this.syncing = syncing;
    this.uploading = uploading;
  }

  StepOutcome upload(Job job, JobState.Uploading state) {
    if (job.deletion().isPresent()) {
      return removeUploaded(job, state);
    }
    if (!outcomes.isOver(state.notBefore(), RunSettings.UPLOAD_PAUSE_LIMIT)) {
      return new Wait(state.notBefore());
    }
    if (state.unsyncedUnder().isPresent()) {
      return syncing.take(job, () -> sync(job, state));
    }
    return uploading.take(job, () -> publish(job, state));
  }

  private StepOutcome publish(Job job, JobState.Uploading state) {
    // Publishing begins by removing the manifest of an earlier try. A try that succeeded may have
    // been recorded since the job was read: then this throws, and its manifest stays.
    ports.ledger().confirm(job);
    try {
      JobPaths paths = ports.volumes().reveal(job.folder());
      PublishedArtifacts published =
          ports
              .publisher()
              .publish(
                  job.folder(),
                  new ModelSource(
                      paths.model(),
                      Path.of(job.request().modelPath()),
                      paths.checkpoint(),
                      Path.of(job.request().ckptPath()),
                      mountPoints(job.request())),
                  RequestedVolumes.modelBytes(job.request()),
                  outcomes.deletionOf(job));
      return new Advance(
          new JobEvent.Uploaded(
              clock.instant(), published.file(), ports.store().place(), published.warnings()));
    } catch (StorageException e) {
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNFIT -> unfit(e);
        case UNAVAILABLE, FULL, REFUSED ->
            failed(state, "artifacts could not be uploaded", e, " (gpurunner retry-upload)");
      };
    }
  }

  private static List<Path> mountPoints(JobRequest request) {
    return Stream.of(request.dataset(), request.pretrainedModel())
        .flatMap(Optional::stream)
        .map(LibraryMount::containerPath)
        .map(Path::of)
        .toList();
  }

  /**
   * Writes the files of the run to the disk. When a container ends, they may still be in the
   * machine's memory. After a power cut they would be shorter or empty, and nothing would show it.
   */
  private StepOutcome sync(Job job, JobState.Uploading state) {
    if (NextStep.of(Phase.of(state), Seen.ABSENT, Boot.of(state, bootId))
        == Verdict.FAIL_UNSYNCED) {
      return lost(
          "the machine was rebooted before the job's files were on its disk: they may not be"
              + " whole");
    }
    try {
      ports.volumes().sync(job.folder());
      return new Advance(new JobEvent.Synced());
    } catch (StorageException e) {
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNFIT -> lost(NOT_WRITTEN + ": " + e.getMessage());
        case UNAVAILABLE, FULL, REFUSED -> failed(state, NOT_WRITTEN, e, "");
      };
    }
  }

  private StepOutcome lost(String reason) {
    return new Advance(
        new JobEvent.UploadGivenUp(clock.instant(), reason + "; nothing is published"));
  }

  /**
   * Gives the upload up because the files cannot be published. The store is not the cause, and
   * another try would find the same files.
   */
  private StepOutcome unfit(StorageException e) {
    return new Advance(
        new JobEvent.UploadGivenUp(
            clock.instant(), e.getMessage() + "; the files are kept on the server"));
  }

  private StepOutcome failed(
      JobState.Uploading state, String what, StorageException e, String wayOut) {
    Instant now = clock.instant();
    Instant next = now.plus(PAUSES.after(state.failedUploads() + 1));
    // Waiting for its turn may have taken most of the retry time.
    boolean tried = state.failedUploads() + 1 >= RunSettings.UPLOAD_LEAST_TRIES;
    if (tried && !now.isBefore(state.giveUpAt())) {
      return new Advance(
          new JobEvent.UploadGivenUp(
              now, what + ": " + e.getMessage() + "; the files are kept on the server" + wayOut));
    }
    return new Advance(
        new JobEvent.UploadPostponed(
            what + ": " + e.getMessage(),
            // The last try is at the end of the retry time.
            next.isBefore(state.giveUpAt()) || now.isAfter(state.giveUpAt())
                ? next
                : state.giveUpAt()));
  }

  private StepOutcome removeUploaded(Job job, JobState.Uploading state) {
    try {
      ports.store().deleteAll(job.folder());
    } catch (StorageException e) {
      if (clock.instant().isBefore(state.giveUpAt())) {
        return outcomes.waitFor(RunSettings.UPLOAD_PAUSE);
      }
      ports
          .ledger()
          .note(
              job.id(),
              "cleanup-failed",
              "what was uploaded so far could not be removed: " + e.getMessage());
    }
    return new Advance(new JobEvent.Removed(clock.instant(), job.deletion().orElseThrow().by()));
  }
}
