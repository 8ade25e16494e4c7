package io.gpurunner.agent;

import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.S3ArtifactStore;
import io.gpurunner.storage.S3Settings;
import io.gpurunner.storage.StorageException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stores that jobs were published to before another store was configured: the local store, and
 * buckets of the S3 server whose keys are configured. Thread-safe.
 */
final class EarlierStores implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EarlierStores.class);

  private final ArtifactStore local;
  private final Optional<Function<String, S3Settings>> s3;

  /** The stores by bucket. A store is opened when it is asked for. */
  private final Map<ArtifactPlace.Bucket, ArtifactStore> buckets = new ConcurrentHashMap<>();

  /**
   * @param s3 returns the settings of a bucket on the configured server; empty if no keys are
   *     configured
   */
  EarlierStores(ArtifactStore local, Optional<Function<String, S3Settings>> s3) {
    this.local = local;
    this.s3 = s3;
  }

  /** Returns the store of a place. It is empty if this agent has no keys for it. */
  Optional<ArtifactStore> at(ArtifactPlace place) {
    return switch (place) {
      case ArtifactPlace.Local _ -> Optional.of(local);
      case ArtifactPlace.Bucket bucket ->
          s3.map(settings -> settings.apply(bucket.name()))
              .filter(settings -> settings.place().sharesServerWith(bucket))
              .flatMap(settings -> open(bucket, settings));
    };
  }

  private Optional<ArtifactStore> open(ArtifactPlace.Bucket bucket, S3Settings settings) {
    try {
      return Optional.of(buckets.computeIfAbsent(bucket, _ -> new S3ArtifactStore(settings)));
    } catch (StorageException e) {
      log.warn("no URLs can be signed for {}: {}", bucket.description(), e.getMessage());
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    buckets.values().forEach(ArtifactStore::close);
  }
}
