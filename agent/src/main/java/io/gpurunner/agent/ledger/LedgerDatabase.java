package io.gpurunner.agent.ledger;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;

/**
 * The database under the ledger, through its life: the file of {@link LedgerStore}, or in the
 * simulation one in memory. Reading is thread-safe; all else is for the one who commits.
 */
interface LedgerDatabase extends AutoCloseable {
  /** Not while it could not be opened again. */
  boolean isOpen();

  Handle writing();

  Connection connection();

  /** Commits, and returns once that is on disk. */
  void commit() throws SQLException;

  <T> T read(Function<Handle, T> query);

  /** For messages. */
  String describe();

  /** Closes it if it is open, and opens it: what was not committed is gone. */
  void openAnew();

  /** Nobody waits for a commit: time to give space back. */
  void compactWhereGrown() throws SQLException;

  /** Closes it until it is opened anew; also one that closed itself after a fault. */
  void shut();

  @Override
  void close();
}
