package io.gpurunner.agent.run;

import io.gpurunner.storage.ArtifactContent;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.Cancellation;
import io.gpurunner.storage.DecoratedStore;
import io.gpurunner.storage.ObjectKey;
import io.gpurunner.storage.StorageException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** A real store that fails when a test says so. Used by one thread at a time. */
final class FaultyStore extends DecoratedStore {
  private final Deque<StorageException.Kind> faults = new ArrayDeque<>();
  private Runnable during = () -> {};

  FaultyStore(ArtifactStore real) {
    super(real);
  }

  /** The next writes fail, one for each kind. */
  void failNext(StorageException.Kind... kinds) {
    faults.addAll(List.of(kinds));
  }

  /** No more writes fail. */
  void heal() {
    faults.clear();
  }

  /** What happens in the midst of the next write. */
  void duringNext(Runnable event) {
    during = event;
  }

  @Override
  public void put(ObjectKey key, ArtifactContent content, Cancellation cancellation) {
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
