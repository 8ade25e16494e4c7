package io.gpurunner.agent.ledger;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one thread that writes the database. It commits in groups: all commits that wait when it
 * comes round share one transaction and one sync to disk, and nobody is told before that sync.
 * Whatever goes wrong, everybody who waits is told. Thread-safe; callers block.
 */
final class CommitThread implements AutoCloseable {
  /** Commits that may wait; past that, callers are told BUSY. */
  private static final int WAITING_LIMIT = 4096;

  /** Commits that share one sync. */
  private static final int GROUP_LIMIT = 512;

  private static final long OFFER_LIMIT_SECONDS = 5;

  /** Longest a caller waits for the disk; compacting the file is within it. */
  private static final long COMMIT_LIMIT_SECONDS = 120;

  private static final long CLOSE_LIMIT_SECONDS = 30;
  private static final long LOOK_MILLIS = 200;

  private static final Logger log = LoggerFactory.getLogger(CommitThread.class);

  private final BlockingQueue<Commit<?>> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);
  private final Group group;
  private final Thread thread;
  private volatile boolean closing;
  private volatile boolean ended;

  /** What the owner does round a group's transaction; called on this thread only. */
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
     * The group failed at a point that does not tell whether it reached the disk. Opens the
     * database anew and looks.
     *
     * @return whether the group is on disk after all
     */
    boolean recover();

    /** Everybody was told; time to tidy the file. */
    void rest();
  }

  CommitThread(Group group) {
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
      if (closing) {
        throw closed();
      }
      if (!waiting.offer(commit, OFFER_LIMIT_SECONDS, TimeUnit.SECONDS)) {
        throw new LedgerException(
            LedgerException.Kind.BUSY,
            "more than " + WAITING_LIMIT + " commits are waiting for the disk");
      }
      if (ended) {
        refuseWaiting();
      }
      return commit.result.get(COMMIT_LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the disk did not take it within "
              + COMMIT_LIMIT_SECONDS
              + " s; whether it still will is not known",
          e);
    } catch (ExecutionException e) {
      throw withCallersStack(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private static RuntimeException withCallersStack(ExecutionException e) {
    return switch (e.getCause()) {
      case LedgerException cause ->
          new LedgerException(cause.kind(), String.valueOf(cause.getMessage()), cause);
      case RuntimeException cause -> cause;
      case null, default -> new IllegalStateException(e.getCause());
    };
  }

  private void loop() {
    try {
      while (!closing || !waiting.isEmpty()) {
        Commit<?> first = waiting.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        if (first != null) {
          List<Commit<?>> commits = new ArrayList<>(List.of(first));
          waiting.drainTo(commits, GROUP_LIMIT - 1);
          commitGroup(commits);
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    } finally {
      ended = true;
      refuseWaiting();
    }
  }

  @SuppressWarnings("CatchAndPrintStackTrace") // an Error as well: whoever waits must be told
  private void commitGroup(List<Commit<?>> commits) {
    List<Commit<?>> standing = new ArrayList<>(commits.size());
    try {
      Connection connection = group.begin();
      for (Commit<?> commit : commits) {
        if (runOne(connection, commit)) {
          standing.add(commit);
        }
      }
      group.commit();
    } catch (Throwable e) {
      log.error("the ledger could not be written", e);
      if (!isOnDisk()) {
        refuse(commits, e);
        return;
      }
      log.warn("the commit had reached the disk: going on with it");
    }
    publish();
    standing.forEach(Commit::complete);
    rest();
  }

  private boolean isOnDisk() {
    try {
      return group.recover();
    } catch (Throwable e) {
      log.error("the ledger could not be opened again", e);
      return false;
    }
  }

  private static void refuse(List<Commit<?>> commits, Throwable e) {
    LedgerException failure =
        e instanceof LedgerException known
            ? known
            : new LedgerException(
                LedgerException.Kind.FAILED,
                "the ledger could not be written: " + e.getMessage(),
                e);
    commits.forEach(commit -> commit.result.completeExceptionally(failure));
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

  private boolean runOne(Connection connection, Commit<?> commit) throws SQLException {
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

  private void refuseWaiting() {
    Commit<?> left;
    while ((left = waiting.poll()) != null) {
      left.result.completeExceptionally(closed());
    }
  }

  private static LedgerException closed() {
    return new LedgerException(LedgerException.Kind.CLOSED, "the ledger is closed");
  }

  /** Waits for the commits that are waiting, then ends the thread. */
  @Override
  public void close() {
    closing = true;
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_LIMIT_SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
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
