package io.gpurunner.agent.ledger;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that writes the database. It commits in groups: all commits that wait when it
 * comes round share one transaction and one sync to disk, and nobody is told before that sync.
 * Thread-safe; callers block.
 */
final class CommitThread implements AutoCloseable {
  /** Commits that may wait; past that, callers are told BUSY. */
  private static final int WAITING_LIMIT = 4096;

  /** Commits that share one sync. */
  private static final int GROUP_LIMIT = 512;

  private static final long OFFER_LIMIT_MILLIS = 5_000;
  private static final long CLOSE_LIMIT_MILLIS = 30_000;

  private static final Logger log = LoggerFactory.getLogger(CommitThread.class);

  private final BlockingQueue<Commit<?>> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);
  private final Connection connection;
  private final Group group;
  private final Thread thread;
  private volatile boolean closing;

  /** What the owner does round a group's transaction; called on this thread only. */
  interface Group {
    /** Before the first commit of a group. */
    void begin();

    /** The last commit's changes are void. */
    void undoLast();

    /** A commit's changes stand, as far as the group does. */
    void keepLast();

    /** The group is on disk. */
    void publish();

    /** The group is lost. */
    void discard();
  }

  CommitThread(Connection connection, Group group) {
    this.connection = connection;
    this.group = group;
    this.thread = Thread.ofPlatform().name("ledger").daemon(true).start(this::loop);
  }

  /**
   * Runs the work in the next group and returns its result once that is on disk. What the work
   * throws is thrown here, and its changes are void.
   */
  <T> T commit(Supplier<T> work) {
    Commit<T> commit = new Commit<>(work);
    try {
      if (closing || !waiting.offer(commit, OFFER_LIMIT_MILLIS, TimeUnit.MILLISECONDS)) {
        throw closing
            ? new LedgerException(LedgerException.Kind.CLOSED, "the ledger is closed")
            : new LedgerException(
                LedgerException.Kind.BUSY,
                "more than " + WAITING_LIMIT + " commits are waiting for the disk");
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
    try {
      return commit.result.join();
    } catch (CompletionException e) {
      // Rethrown with the caller's own stack as the place it surfaced.
      if (e.getCause() instanceof LedgerException cause) {
        throw new LedgerException(cause.kind(), String.valueOf(cause.getMessage()), cause);
      }
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw e;
    }
  }

  private void loop() {
    List<Commit<?>> commits = new ArrayList<>(GROUP_LIMIT);
    while (!closing || !waiting.isEmpty()) {
      try {
        Commit<?> first = waiting.poll(200, TimeUnit.MILLISECONDS);
        if (first == null) {
          continue;
        }
        commits.add(first);
        waiting.drainTo(commits, GROUP_LIMIT - 1);
        commitGroup(commits);
      } catch (InterruptedException e) {
        throw new AssertionError("nothing interrupts a thread here", e);
      } finally {
        commits.clear();
      }
    }
  }

  private void commitGroup(List<Commit<?>> commits) {
    List<Commit<?>> standing = new ArrayList<>(commits.size());
    group.begin();
    try {
      for (Commit<?> commit : commits) {
        if (runOne(commit)) {
          standing.add(commit);
        }
      }
      connection.commit();
      try (Statement statement = connection.createStatement()) {
        // A commit alone stays in memory for up to WRITE_DELAY; this writes and syncs the file.
        statement.execute("CHECKPOINT SYNC");
      }
    } catch (SQLException | RuntimeException e) {
      log.error("the ledger could not be written: {}", e.toString());
      rollBack();
      group.discard();
      LedgerException failure =
          new LedgerException(
              LedgerException.Kind.FAILED, "the ledger could not be written: " + e.getMessage(), e);
      standing.forEach(commit -> commit.result.completeExceptionally(failure));
      return;
    }
    group.publish();
    standing.forEach(Commit::complete);
  }

  private boolean runOne(Commit<?> commit) throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      commit.run();
      group.keepLast();
      connection.releaseSavepoint(before);
      return true;
    } catch (RuntimeException e) {
      connection.rollback(before);
      group.undoLast();
      commit.result.completeExceptionally(e);
      return false;
    }
  }

  private void rollBack() {
    try {
      connection.rollback();
    } catch (SQLException e) {
      log.error("and the transaction could not be rolled back: {}", e.toString());
    }
  }

  /** Waits for the commits that are waiting, then ends the thread. */
  @Override
  public void close() {
    closing = true;
    try {
      thread.join(CLOSE_LIMIT_MILLIS);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
    Commit<?> left;
    while ((left = waiting.poll()) != null) {
      left.result.completeExceptionally(
          new LedgerException(LedgerException.Kind.CLOSED, "the ledger is closed"));
    }
  }

  private static final class Commit<T> {
    private final Supplier<T> work;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private @org.jspecify.annotations.Nullable T value;

    Commit(Supplier<T> work) {
      this.work = work;
    }

    void run() {
      value = work.get();
    }

    @SuppressWarnings("NullAway") // complete() follows run() only
    void complete() {
      result.complete(value);
    }
  }
}
