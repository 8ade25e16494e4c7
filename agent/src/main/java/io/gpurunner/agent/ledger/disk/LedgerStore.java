package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Where a ledger is kept: on disk, or in the simulation in memory. Recording is for one thread; the
 * rest is thread-safe.
 */
public interface LedgerStore extends AutoCloseable {
  /** Reads what must be known before anything is decided. */
  Needed needed() throws IOException;

  /**
   * Records entries as one group; returns once they are on disk.
   *
   * @throws IOException where they may be on disk, or not
   */
  void record(List<Entry> entries) throws IOException;

  /** Gives recorded changes to the index. Every later query sees them. */
  void publish(Collection<Change> changes);

  /**
   * Waits until the index can be asked, or for as long as a query would. After a start it is
   * opened, or built, behind the first answers.
   */
  void awaitIndex();

  /** Runs a query that sees all that was published before. */
  <T> T read(Function<IndexView, T> query) throws IOException;

  /** Runs a query on the index as it is. */
  <T> T readBehind(Function<IndexView, T> query) throws IOException;

  /** Tries again what failed: to make the spare segment, and to use the index. */
  void retry();

  /**
   * Makes the spare segment and snapshots that are due. Errors are logged, and the next call tries
   * again.
   */
  void tidy();

  /** Makes a backup where the newest is older than that. */
  void backUpWhereLast(Duration interval, Instant now) throws IOException;

  /** Returns why no job may be taken; empty if jobs may be taken. */
  Optional<String> fault();

  @Override
  void close();
}
