package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.api.JobArtifacts;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.api.RequestRefusedException.Kind;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.StoredObject;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What jobs have published, or why they have not. It asks the store where the job was published.
 * Thread-safe; blocks for a limited time.
 */
final class PublishedFiles {
  /** The longest manifest that is answered. A longer one can be fetched by its URL. */
  static final int MANIFEST_LIMIT_BYTES = 8 << 20;

  private static final String MANIFEST = "manifest.json";

  /** The time after which a store that did not answer may do so. */
  private static final Duration RETRY_AFTER = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(PublishedFiles.class);

  private final ArtifactUrls urls;

  PublishedFiles(ArtifactUrls urls) {
    this.urls = urls;
  }

  /**
   * Returns the files of a job.
   *
   * @throws RequestRefusedException UNAVAILABLE if the store does not answer
   */
  JobArtifacts of(Job job) {
    return switch (job.state()) {
      case JobState.Succeeded success -> ofSuccess(job, success);
      case JobState.Failed failed -> none(job, whyNotPublished(job, failed));
      case JobState.Deleted _ -> none(job, "the job was deleted, so nothing was published");
      case JobState.Uploading _ ->
          none(job, "the artifacts are being uploaded; they are complete when the job succeeds");
      case JobState.Live _ ->
          none(job, "the job has not ended; its artifacts are published after its end");
    };
  }

  private static JobArtifacts none(Job job, String reason) {
    return JobArtifacts.none(job.id(), job.state().label(), reason);
  }

  private static String whyNotPublished(Job job, JobState.Failed failed) {
    if (job.files() != JobFiles.KEPT) {
      return "the job failed, so nothing was published; its files were removed from this machine"
          + " after the time of jobs.retention";
    }
    return failed.uploadable()
        ? "the upload failed; the files are on this machine, and retry-upload uploads them again"
        : "the job failed, so nothing was published; its files stay on this machine for the time of"
            + " jobs.retention";
  }

  private JobArtifacts ofSuccess(Job job, JobState.Succeeded success) {
    if (success.artifact().isEmpty()) {
      return none(job, "the model directory held no file, so nothing was published");
    }
    Standing standing = Standing.of(job);
    Optional<ArtifactStore> store = urls.storeFor(standing);
    if (store.isEmpty()) {
      return none(
          job,
          urls.whyOutOfReach(standing)
              .orElse(
                  "the artifacts were removed from this machine after the time of jobs.retention"));
    }
    try {
      return inStore(job, store.get(), success.artifact().get());
    } catch (StorageException e) {
      log.warn("{}: its artifacts cannot be looked at: {}", job.id(), e.getMessage());
      throw new RequestRefusedException(
          Kind.UNAVAILABLE,
          "the artifacts of job %s cannot be looked at now: %s does not answer; ask again"
              .formatted(job.id(), name(store.get())),
          RETRY_AFTER);
    }
  }

  private static String name(ArtifactStore store) {
    return switch (store.place()) {
      case ArtifactPlace.Local _ -> "the store on this machine";
      case ArtifactPlace.Bucket bucket -> bucket.description();
    };
  }

  private JobArtifacts inStore(Job job, ArtifactStore store, String artifact) {
    ObjectKey file = new ObjectKey(job.folder(), artifact);
    ObjectKey list = new ObjectKey(job.folder(), MANIFEST);
    Optional<StoredObject> manifest;
    Optional<StoredObject> content;
    try {
      manifest = store.read(list, MANIFEST_LIMIT_BYTES);
      content = store.read(file, 0);
    } catch (StorageException e) {
      if (e.retryable()) {
        throw e;
      }
      log.warn("{}: its artifacts cannot be read: {}", job.id(), e.getMessage());
      return unread(job, store, List.of(file, list));
    }
    if (manifest.isEmpty() || content.isEmpty()) {
      return none(job, "the artifacts are no longer in " + name(store) + ": somebody removed them");
    }
    return new JobArtifacts(
        job.id(),
        job.state().label(),
        List.of(
            entry(store, file, OptionalLong.of(content.get().bytes())),
            entry(store, list, OptionalLong.of(manifest.get().bytes()))),
        Optional.empty(),
        manifest.get().content(),
        manifest.get().content().isPresent()
            ? Optional.empty()
            : Optional.of(
                "it is longer than %d bytes; fetch it by its url".formatted(MANIFEST_LIMIT_BYTES)));
  }

  /** The files of a store that lets the agent write only. Their URLs may work all the same. */
  private JobArtifacts unread(Job job, ArtifactStore store, List<ObjectKey> keys) {
    return new JobArtifacts(
        job.id(),
        job.state().label(),
        keys.stream().map(key -> entry(store, key, OptionalLong.empty())).toList(),
        Optional.empty(),
        Optional.empty(),
        Optional.of(
            "the agent may not read in " + name(store) + "; the administrator can allow it"));
  }

  private JobArtifacts.File entry(ArtifactStore store, ObjectKey key, OptionalLong bytes) {
    return new JobArtifacts.File(key.file(), bytes, urls.sign(store, key));
  }
}
