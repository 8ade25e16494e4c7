package io.gpurunner.agent.ledger;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;

/**
 * The database under the ledger, through its life: the file of {@link LedgerStore}, or in the
 * simulation one in memory. Reading is thread-safe; all else is for the one who commits.
 */
interface LedgerDatabase extends AutoCloseable {
  /** Not while it could not be opened again. */
  boolean isOpen();

  /** For reading in the transaction that is being written. */
  Handle writing();

  /** For writing in it. */
  RowWriter rows();

  Connection connection();

  /** Commits, and returns once that is on disk. */
  void commit() throws SQLException;

  /** How many groups of commits it holds. */
  long commits();

  <T> T read(Function<Handle, T> query);

  /** Why no job can be taken, though it is open; empty where they can. */
  Optional<String> fault();

  /**
   * Makes a backup where the newest is older than that. On the caller's thread, which may be any.
   */
  void backUpWhereLast(Duration interval);

  /** For messages. */
  String describe();

  /** Closes it if it is open, and opens it: what was not committed is gone. */
  void openAnew();

  /** Nobody waits for a commit: time to write what is quick to lose but slow to read back. */
  void checkpoint() throws SQLException;

  /** Everybody was told: time to give space back. */
  void compactWhereGrown() throws SQLException;

  /** Closes it until it is opened anew; also one that closed itself after a fault. */
  void shut();

  @Override
  void close();
}
