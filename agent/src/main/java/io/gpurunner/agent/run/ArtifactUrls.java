package io.gpurunner.agent.run;

import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;

/**
 * URLs of artifacts, signed anew at every call, so that none comes back expired. Thread-safe;
 * touches neither network nor disk.
 */
public final class ArtifactUrls {
  private final ArtifactStore store;
  private final Duration expiry;
  private final Clock clock;

  public ArtifactUrls(ArtifactStore store, Duration expiry, Clock clock) {
    this.store = store;
    this.expiry = expiry;
    this.clock = clock;
  }

  URI urlFor(JobId id, String file) {
    return store.signedUrl(new ObjectKey(new JobFolder(id.value()), file), clock.instant(), expiry);
  }
}
