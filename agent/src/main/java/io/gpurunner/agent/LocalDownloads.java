package io.gpurunner.agent;

import io.gpurunner.api.ArtifactDownloads;
import io.gpurunner.storage.DownloadHeaders;
import io.gpurunner.storage.LocalArtifactStore;
import io.gpurunner.storage.LocalArtifactStore.Lookup;
import java.nio.file.Path;
import java.time.Clock;

/** The local store behind the API's download route. */
final class LocalDownloads implements ArtifactDownloads {
  private final LocalArtifactStore store;
  private final Clock clock;

  LocalDownloads(LocalArtifactStore store, Clock clock) {
    this.store = store;
    this.clock = clock;
  }

  private static Download found(Path path, String file) {
    DownloadHeaders headers = DownloadHeaders.of(file);
    return new Download.Found(
        path, file, new Headers(headers.contentType(), headers.contentDisposition()));
  }

  @Override
  public Download find(String jobId, String file, String expires, String signature) {
    return switch (store.find(jobId, file, expires, signature, clock.instant())) {
      case Lookup.Found found -> found(found.path(), file);
      case Lookup.Refused refused -> new Download.Refused(refused.message());
      case Lookup.Missing missing -> new Download.Missing(missing.message());
    };
  }
}
