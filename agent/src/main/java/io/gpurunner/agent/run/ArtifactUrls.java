package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/**
 * URLs of artifacts, signed anew at every call, so that none comes back expired. Thread-safe;
 * touches neither network nor disk.
 */
public final class ArtifactUrls {
  private final ArtifactStore store;
  private final boolean local;
  private final Duration expiry;
  private final Clock clock;

  /**
   * @param local whether the store is a directory of this machine, which retention sweeps
   */
  public ArtifactUrls(ArtifactStore store, boolean local, Duration expiry, Clock clock) {
    this.store = store;
    this.local = local;
    this.expiry = expiry;
    this.clock = clock;
  }

  /** Empty where retention has removed the object from this machine. */
  Optional<URI> urlFor(Standing job, String file) {
    return local && job.files() != JobFiles.KEPT
        ? Optional.empty()
        : Optional.of(urlFor(job.id(), file));
  }

  URI urlFor(JobId id, String file) {
    return store.signedUrl(new ObjectKey(new JobFolder(id.value()), file), clock.instant(), expiry);
  }
}
