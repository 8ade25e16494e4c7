package io.gpurunner.agent.ledger;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The one thread that writes the database: all commits that wait when it comes round make a group.
 * Whatever goes wrong, everybody who waits is told. Thread-safe; callers block.
 */
final class CommitThread implements Commits {
  /** Commits that may wait; past that, callers are told BUSY. */
  private static final int WAITING_LIMIT = 4096;

  /** Commits that share one sync. */
  private static final int GROUP_LIMIT = 512;

  private static final long OFFER_LIMIT_SECONDS = 5;

  /** Longest a caller waits for the disk; compacting the file is within it. */
  private static final long COMMIT_LIMIT_SECONDS = 120;

  private static final long CLOSE_LIMIT_SECONDS = 30;
  private static final long LOOK_MILLIS = 200;

  private final BlockingQueue<Commit<?>> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);
  private final GroupCommit groups;
  private final Thread thread;
  private volatile boolean closing;
  private volatile boolean ended;

  CommitThread(GroupCommit.Group group) {
    this.groups = new GroupCommit(group);
    this.thread = Thread.ofPlatform().name("ledger").daemon(true).start(this::loop);
  }

  @Override
  public <T> T commit(Supplier<T> work) {
    Commit<T> commit = new Commit<>(work);
    if (closing) {
      throw closed();
    }
    if (!offer(commit)) {
      throw new LedgerException(
          LedgerException.Kind.BUSY,
          "more than " + WAITING_LIMIT + " commits are waiting for the disk");
    }
    if (ended) {
      refuseWaiting();
    }
    return commit.await(COMMIT_LIMIT_SECONDS);
  }

  private boolean offer(Commit<?> commit) {
    try {
      return waiting.offer(commit, OFFER_LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private void loop() {
    try {
      while (!closing || !waiting.isEmpty()) {
        Commit<?> first = waiting.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        if (first != null && !first.isSettled()) {
          List<Commit<?>> commits = new ArrayList<>(List.of(first));
          waiting.drainTo(commits, GROUP_LIMIT - 1);
          groups.write(commits);
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    } finally {
      ended = true;
      refuseWaiting();
    }
  }

  @Override
  public Optional<String> fault() {
    return groups.fault();
  }

  private void refuseWaiting() {
    Commit<?> left;
    while ((left = waiting.poll()) != null) {
      left.fail(closed());
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
    bell.fail(closed());
    boolean _ = waiting.offer(bell);
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CLOSE_LIMIT_SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }
}
