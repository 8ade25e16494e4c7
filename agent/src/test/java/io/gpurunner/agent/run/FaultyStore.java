package io.gpurunner.agent.run;

import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.StorageException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;

/** A real store that fails when a test says so. Used by one thread. */
final class FaultyStore implements ArtifactStore {
  private final ArtifactStore real;
  private final Deque<StorageException.Kind> faults = new ArrayDeque<>();

  FaultyStore(ArtifactStore real) {
    this.real = real;
  }

  /** The next writes fail, one for each kind. */
  void failNext(StorageException.Kind... kinds) {
    faults.addAll(java.util.List.of(kinds));
  }

  @Override
  public String description() {
    return real.description();
  }

  @Override
  public void probe() {
    real.probe();
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    StorageException.Kind fault = faults.poll();
    if (fault != null) {
      throw new StorageException(fault, "the store was made to fail");
    }
    real.put(key, content, cancellation);
  }

  @Override
  public boolean exists(ObjectKey key) {
    return real.exists(key);
  }

  @Override
  public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
    return real.signedUrl(key, now, expiry);
  }

  @Override
  public void deleteAll(JobFolder folder) {
    real.deleteAll(folder);
  }

  @Override
  public void close() {
    real.close();
  }
}
