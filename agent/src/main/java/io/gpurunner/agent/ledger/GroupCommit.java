package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a group of commits: they share one transaction and one sync to disk, and nobody is told
 * before that sync. A group that failed is looked for on disk, and written once more where it is
 * not there. Whatever goes wrong, everybody who waits is told. For one thread, which is the
 * caller's own business; {@link #fault} is thread-safe.
 */
final class GroupCommit {
  /** How often a group is tried, the database opened anew in between. */
  private static final int ATTEMPT_LIMIT = 2;

  private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);

  private final Group group;
  private volatile Optional<String> fault = Optional.empty();

  /** What the owner does round a group's transaction; called by the one who writes only. */
  interface Group {
    /**
     * Before the first commit of a group; opens the database where it is not open.
     *
     * @return the connection the commits write through
     */
    Connection begin();

    /** The last commit's changes are void. */
    void undoLast();

    /** A commit's changes stand, as far as the group does. */
    void keepLast();

    /** Commits the transaction; returns once it is on disk. */
    void commit() throws SQLException;

    /** The group is on disk. */
    void publish();

    /**
     * A group failed at a point that does not tell whether it reached the disk. Opens the database
     * anew and looks.
     *
     * @return whether the group that was begun last is on disk after all
     */
    boolean recover();

    /** Everybody was told; time to tidy the file. */
    void rest() throws SQLException;

    /** Nobody has waited for a while. */
    void idle() throws SQLException;
  }

  GroupCommit(Group group) {
    this.group = group;
  }

  /** Settles all of these. */
  void write(List<Commit<?>> commits) {
    for (int attempt = 1; ; attempt++) {
      boolean begun = false;
      // An Error is caught as well: whoever waits must be told.
      try {
        Connection connection = group.begin();
        begun = true;
        runAll(connection, commits);
        group.commit();
        tell(commits);
        return;
      } catch (Throwable e) {
        logFailure(e);
        Found found = recover();
        if (!begun && found == Found.GROUP_IS_ON_DISK) {
          publish(); // the group before, which was not settled; of this one nothing was run
          found = Found.GROUP_IS_VOID;
        }
        switch (found) {
          case GROUP_IS_ON_DISK -> {
            tell(commits);
            return;
          }
          case GROUP_IS_VOID -> {
            if (attempt == ATTEMPT_LIMIT) {
              refuse(commits, LedgerException.Kind.FAILED, e);
              return;
            }
          }
          case FAILED -> {
            refuse(commits, LedgerException.Kind.UNKNOWN, e);
            return;
          }
        }
      }
    }
  }

  private void tell(List<Commit<?>> commits) {
    fault = Optional.empty();
    publish();
    commits.forEach(Commit::complete);
    rest();
  }

  private void runAll(Connection connection, List<Commit<?>> commits) throws SQLException {
    for (Commit<?> commit : commits) {
      if (!commit.isSettled()) {
        runOne(connection, commit);
      }
    }
  }

  private void runOne(Connection connection, Commit<?> commit) throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      commit.run();
      group.keepLast();
      connection.releaseSavepoint(before);
    } catch (RuntimeException e) {
      connection.rollback(before);
      group.undoLast();
      commit.fail(e);
    }
  }

  private enum Found {
    GROUP_IS_ON_DISK,
    GROUP_IS_VOID,
    FAILED
  }

  private Found recover() {
    try {
      return group.recover() ? Found.GROUP_IS_ON_DISK : Found.GROUP_IS_VOID;
    } catch (Throwable e) {
      logFailure(e);
      return Found.FAILED;
    }
  }

  /** A disk that fails says so at every commit, in one line. */
  private static void logFailure(Throwable e) {
    Throwable root = LedgerException.rootOf(e);
    if (root instanceof IOException) {
      log.error("the ledger could not be written: {}", root.getMessage());
    } else {
      log.error("the ledger could not be written", e);
    }
  }

  private void refuse(List<Commit<?>> commits, LedgerException.Kind kind, Throwable e) {
    String message = messageOf(e);
    fault = Optional.of(message);
    LedgerException failure = new LedgerException(kind, message, e);
    commits.forEach(commit -> commit.fail(failure));
  }

  private static String messageOf(Throwable e) {
    return "the ledger could not be written: " + LedgerException.rootOf(e).getMessage();
  }

  /** Nobody has waited for a while. */
  void idle() {
    try {
      group.idle();
    } catch (Throwable e) {
      logFailure(e);
      if (recover() == Found.FAILED) {
        fault = Optional.of(messageOf(e));
      }
    }
  }

  /** Why the last group failed; empty where it did not. */
  Optional<String> fault() {
    return fault;
  }

  private void publish() {
    try {
      group.publish();
    } catch (Throwable e) {
      log.error("a listener failed; what it was to hear is on disk all the same", e);
    }
  }

  private void rest() {
    try {
      group.rest();
    } catch (Throwable e) {
      log.error("the ledger's file could not be tidied", e);
    }
  }
}
