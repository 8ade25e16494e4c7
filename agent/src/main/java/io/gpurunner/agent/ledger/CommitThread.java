package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jdbi.v3.core.JdbiException;
import org.jspecify.annotations.Nullable;
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

  /** How often a group is tried, the database opened anew in between. */
  private static final int ATTEMPT_LIMIT = 2;

  private static final long OFFER_LIMIT_SECONDS = 5;

  /** Longest a caller waits for the disk; compacting the file is within it. */
  private static final long COMMIT_LIMIT_SECONDS = 120;

  private static final long CLOSE_LIMIT_SECONDS = 30;
  private static final long LOOK_MILLIS = 200;

  private static final Logger log = LoggerFactory.getLogger(CommitThread.class);

  private final BlockingQueue<Commit<?>> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);
  private final Group group;
  private final Thread thread;
  private volatile Optional<String> fault = Optional.empty();
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
    void rest() throws SQLException;
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
          LedgerException.Kind.UNKNOWN,
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
      case JdbiException cause -> LedgerException.failed(cause);
      case RuntimeException cause -> cause;
      case null, default -> new IllegalStateException(e.getCause());
    };
  }

  private void loop() {
    try {
      while (!closing || !waiting.isEmpty()) {
        Commit<?> first = waiting.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        if (first != null && !first.result.isDone()) {
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

  private void commitGroup(List<Commit<?>> commits) {
    for (int attempt = 1; ; attempt++) {
      // An Error is caught as well: whoever waits must be told.
      try {
        writeGroup(commits);
        tell(commits);
        return;
      } catch (Throwable e) {
        logFailure(e);
        switch (recover()) {
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

  private void writeGroup(List<Commit<?>> commits) throws SQLException {
    Connection connection = group.begin();
    for (Commit<?> commit : commits) {
      if (!commit.result.isDone()) {
        runOne(connection, commit);
      }
    }
    group.commit();
  }

  private enum Recovery {
    GROUP_IS_ON_DISK,
    GROUP_IS_VOID,
    FAILED
  }

  private Recovery recover() {
    try {
      return group.recover() ? Recovery.GROUP_IS_ON_DISK : Recovery.GROUP_IS_VOID;
    } catch (Throwable e) {
      logFailure(e);
      return Recovery.FAILED;
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
    String message = "the ledger could not be written: " + LedgerException.rootOf(e).getMessage();
    fault = Optional.of(message);
    LedgerException failure = new LedgerException(kind, message, e);
    commits.forEach(commit -> commit.result.completeExceptionally(failure));
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

  private void runOne(Connection connection, Commit<?> commit) throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      commit.run();
      group.keepLast();
      connection.releaseSavepoint(before);
    } catch (RuntimeException e) {
      connection.rollback(before);
      group.undoLast();
      commit.result.completeExceptionally(e);
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
    Commit<String> bell = new Commit<>(() -> "");
    bell.result.complete("");
    boolean _ = waiting.offer(bell);
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_LIMIT_SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private static final class Commit<T> {
    private final Supplier<T> work;
    private final CompletableFuture<T> result = new CompletableFuture<>();
    private @Nullable T value;

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
