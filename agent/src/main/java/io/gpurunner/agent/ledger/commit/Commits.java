package io.gpurunner.agent.ledger.commit;

import java.util.Optional;
import java.util.function.Supplier;

/** The one way to record something. Thread-safe; callers block. */
public interface Commits extends AutoCloseable {
  /**
   * Runs the work in the next group and returns its result once that is on disk. What the work
   * throws is thrown here, and its changes are void.
   */
  <T> T commit(Supplier<T> work);

  /** Why the last group failed; empty where it did not. */
  Optional<String> fault();

  /** Settles the commits that are waiting, then takes none any more. */
  @Override
  void close();
}
