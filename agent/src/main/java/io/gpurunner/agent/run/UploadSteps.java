package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.os.Backoff;
import io.gpurunner.agent.run.Recovery.Boot;
import io.gpurunner.agent.run.Recovery.Phase;
import io.gpurunner.agent.run.Recovery.Seen;
import io.gpurunner.agent.run.Recovery.Verdict;
import io.gpurunner.agent.run.StepOutcome.Advance;
import io.gpurunner.agent.run.StepOutcome.Again;
import io.gpurunner.agent.run.StepOutcome.Wait;
import io.gpurunner.storage.JobPaths;
import io.gpurunner.storage.PublishedArtifacts;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Instant;

/** The steps of a job whose artifacts are being uploaded. Stateless; thread-safe. */
final class UploadSteps {
  private static final String NOT_WRITTEN = "what the job left could not be written to disk";

  private static final Backoff PAUSES =
      new Backoff(RunSettings.UPLOAD_PAUSE, RunSettings.UPLOAD_PAUSE_LIMIT);

  private final JobSteps.Ports ports;
  private final Clock clock;
  private final Answers answers;
  private final String bootId;
  private final Turns syncing;
  private final Turns uploading;

  /**
   * @param bootId the boot of this machine now
   */
  UploadSteps(
      JobSteps.Ports ports,
      String bootId,
      Clock clock,
      Answers answers,
      Turns syncing,
      Turns uploading) {
    this.ports = ports;
    this.bootId = bootId;
    this.clock = clock;
    this.answers = answers;
    this.syncing = syncing;
    this.uploading = uploading;
  }

  StepOutcome upload(Job job, JobState.Uploading state) {
    if (job.deletion().isPresent()) {
      return removeUploaded(job, state);
    }
    if (!answers.isOver(state.notBefore(), RunSettings.UPLOAD_PAUSE_LIMIT)) {
      return new Wait(state.notBefore());
    }
    if (state.unsyncedUnder().isPresent()) {
      return syncing.take(job.id(), () -> sync(job, state));
    }
    return uploading.take(job.id(), () -> publish(job, state));
  }

  private StepOutcome publish(Job job, JobState.Uploading state) {
    // Publishing first withdraws the manifest. An earlier try may be recorded only now.
    ports.ledger().confirm(job);
    try {
      JobPaths paths = ports.volumes().reveal(job.folder());
      PublishedArtifacts published =
          ports
              .publisher()
              .publish(
                  job.folder(),
                  paths.model(),
                  VolumeLimits.modelBytes(job.request()),
                  answers.deletionOf(job));
      return new Advance(
          new JobEvent.Uploaded(clock.instant(), published.file(), ports.store().place()));
    } catch (StorageException e) {
      return switch (e.kind()) {
        case CANCELLED -> new Again();
        case UNFIT -> unfit(e);
        case UNAVAILABLE, FULL, REFUSED ->
            failed(
                state,
                "artifacts could not be uploaded to " + ports.store().description(),
                e,
                " (gpurunner retry-upload)");
      };
    }
  }

  /**
   * Writes the files of the run to the disk. A container that ends leaves them in the machine's
   * memory. A power cut would leave files that are shorter or empty, and look like any others.
   */
  private StepOutcome sync(Job job, JobState.Uploading state) {
    if (Recovery.of(Phase.of(state), Seen.ABSENT, Boot.of(state, bootId))
        == Verdict.FAIL_UNSYNCED) {
      return lost(
          "the machine was started anew before what the job left was on its disk: it may not be whole");
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
   * The answer to files that cannot be published. The store is not to blame, and another try would
   * find the same files.
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
    // The wait for its turn may have taken most of the window.
    boolean tried = state.failedUploads() + 1 >= RunSettings.UPLOAD_LEAST_TRIES;
    if (!e.retryable() || (tried && !now.isBefore(state.giveUpAt()))) {
      return new Advance(
          new JobEvent.UploadGivenUp(
              now, what + ": " + e.getMessage() + "; the files are kept on the server" + wayOut));
    }
    return new Advance(
        new JobEvent.UploadPostponed(
            String.valueOf(e.getMessage()),
            // The last try is at the end of the window.
            next.isBefore(state.giveUpAt()) || now.isAfter(state.giveUpAt())
                ? next
                : state.giveUpAt()));
  }

  private StepOutcome removeUploaded(Job job, JobState.Uploading state) {
    try {
      ports.store().deleteAll(job.folder());
    } catch (StorageException e) {
      if (e.retryable() && clock.instant().isBefore(state.giveUpAt())) {
        return answers.waitFor(RunSettings.UPLOAD_PAUSE);
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
