package io.gpurunner.agent.run;

import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.DecoratedStore;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.StorageException;
import io.gpurunner.storage.StoredObject;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** A real store that fails when a test asks for it. Faults are for one thread at a time. */
final class FaultyStore extends DecoratedStore {
  private final Deque<StorageException.Kind> faults = new ArrayDeque<>();
  private Optional<StorageException.Kind> readFault = Optional.empty();
  private Runnable during = () -> {};
  private volatile CountDownLatch held = new CountDownLatch(0);

  FaultyStore(ArtifactStore real) {
    super(real);
  }

  /** Makes the next writes fail, one with each kind. */
  void failNext(StorageException.Kind... kinds) {
    faults.addAll(List.of(kinds));
  }

  /** Makes all reads fail with this kind. */
  void failReads(StorageException.Kind kind) {
    readFault = Optional.of(kind);
  }

  @Override
  public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
    readFault.ifPresent(
        kind -> {
          throw new StorageException(kind, "the store was made to fail");
        });
    return super.read(key, maxBytes);
  }

  /** Lets all calls succeed again. */
  void heal() {
    readFault = Optional.empty();
    faults.clear();
  }

  /** Runs an event during the next write. */
  void duringNext(Runnable event) {
    during = event;
  }

  /** Makes the writes of all threads wait for the latch. */
  void holdUntil(CountDownLatch pass) {
    held = pass;
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
    try {
      held.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
    Runnable event = during;
    during = () -> {};
    event.run();
    StorageException.Kind fault = faults.poll();
    if (fault != null) {
      throw new StorageException(fault, "the store was made to fail");
    }
    super.put(key, content, cancellation);
  }
}
