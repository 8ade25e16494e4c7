package io.gpurunner.storage;

import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** A store that passes all calls to another one, except those that a test overrides. */
public abstract class DecoratedStore implements ArtifactStore {
  private final ArtifactStore real;

  protected DecoratedStore(ArtifactStore real) {
    this.real = real;
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
    real.put(key, content, cancellation);
  }

  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    return real.read(key, maxBytes);
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
  public void withdraw(JobFolder folder) {
    real.withdraw(folder);
  }

  @Override
  public void close() {
    real.close();
  }
}
