package io.gpurunner.storage;

import io.gpurunner.storage.FileWork.Task;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * A store in a directory of this machine that does its file work on the threads of {@link
 * FileWork}. What clients wait for is looked at for a limited time. Thread-safe.
 */
final class StoreOnThreads implements ArtifactStore {
  private final ArtifactStore real;
  private final FileWork files;
  private final Lookups lookups;

  StoreOnThreads(ArtifactStore real, FileWork files) {
    this(real, files, new Lookups("artifacts-look", "the store of artifacts on this machine"));
  }

  StoreOnThreads(ArtifactStore real, FileWork files, Lookups lookups) {
    this.lookups = lookups;
    this.real = real;
    this.files = files;
  }

  @Override
  public String description() {
    return real.description();
  }

  @Override
  public ArtifactPlace place() {
    return real.place();
  }

  @Override
  public void probe() {
    real.probe();
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    files.run(Task.PUBLISH, () -> real.put(key, content, cancellation));
  }

  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    return lookups.look(() -> real.read(key, maxBytes));
  }

  @Override
  public URI signedUrl(ObjectKey key, Instant now, Duration expiry) {
    return real.signedUrl(key, now, expiry);
  }

  @Override
  public void deleteAll(JobFolder folder) {
    files.run(Task.REMOVE, () -> real.deleteAll(folder));
  }

  @Override
  public void withdraw(JobFolder folder) {
    files.run(Task.REMOVE, () -> real.withdraw(folder));
  }

  @Override
  public void close() {
    real.close();
  }
}
