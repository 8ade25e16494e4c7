package io.gpurunner.agent.run;

import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.storage.ArtifactPlace;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;

/**
 * The URLs of artifacts. Each call signs a new one, so no caller gets an expired URL. The store of
 * an artifact is the one where its job published it, even if another store is configured now.
 * Thread-safe; no network.
 */
public final class ArtifactUrls {
  private final ArtifactStore configured;
  private final Function<ArtifactPlace, Optional<ArtifactStore>> others;
  private final Duration expiry;
  private final Clock clock;

  /**
   * @param configured the store to which jobs are published now
   * @param others returns the store at another place, or empty if its URLs cannot be signed
   */
  public ArtifactUrls(
      ArtifactStore configured,
      Function<ArtifactPlace, Optional<ArtifactStore>> others,
      Duration expiry,
      Clock clock) {
    this.configured = configured;
    this.others = others;
    this.expiry = expiry;
    this.clock = clock;
  }

  /**
   * Returns a URL of the job's artifact. It is empty if the job published nothing, if retention has
   * removed the artifact from this machine, or if no URL can be signed for its store.
   */
  Optional<URI> urlFor(Standing job) {
    return job.artifact()
        .flatMap(
            artifact ->
                storeFor(job)
                    .map(
                        store ->
                            sign(
                                store,
                                new ObjectKey(new JobFolder(job.id().value()), artifact.file()))));
  }

  /**
   * Returns the store that the job's artifact is in. It is empty if the job published nothing, if
   * retention has removed the artifact from this machine, or if the store cannot be reached.
   */
  Optional<ArtifactStore> storeFor(Standing job) {
    return job.artifact()
        .filter(artifact -> !isRemoved(artifact))
        .flatMap(artifact -> storeOf(placeOf(artifact)));
  }

  /** Returns a new URL of an object. */
  URI sign(ArtifactStore store, ObjectKey key) {
    return store.signedUrl(key, clock.instant(), expiry);
  }

  /** Returns why an artifact has no URL, if it lies in a store that is no longer configured. */
  Optional<String> whyOutOfReach(Standing job) {
    return job.artifact()
        .map(this::placeOf)
        .filter(ArtifactPlace.Bucket.class::isInstance)
        .map(ArtifactPlace.Bucket.class::cast)
        .filter(bucket -> storeOf(bucket).isEmpty())
        .map(
            bucket ->
                "the artifacts are in "
                    + bucket.description()
                    + ", for which this agent has no keys: configure store.s3 with that server and"
                    + " with keys that may read the bucket");
  }

  private ArtifactPlace placeOf(Standing.Published artifact) {
    return artifact.place().orElseGet(configured::place);
  }

  private boolean isRemoved(Standing.Published artifact) {
    return placeOf(artifact) instanceof ArtifactPlace.Local && artifact.files() != JobFiles.KEPT;
  }

  private Optional<ArtifactStore> storeOf(ArtifactPlace place) {
    return place.equals(configured.place()) ? Optional.of(configured) : others.apply(place);
  }
}
