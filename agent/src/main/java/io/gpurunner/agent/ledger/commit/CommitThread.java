package io.gpurunner.agent.ledger.commit;

import io.gpurunner.agent.ledger.LedgerException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The one thread that records. All commits that wait when it is ready make a group. Whatever goes
 * wrong, every waiting caller is answered. Thread-safe; callers block.
 */
public final class CommitThread implements Commits {
  /** Commits that may wait; past that, callers are told BUSY. */
  static final int WAITING_LIMIT = 4096;

  /** Commits that share one sync. */
  private static final int GROUP_LIMIT = 512;

  /** How long a group waits to become as large as the last one. A lone commit does not wait. */
  private static final long LINGER_NANOS = 1_000_000;

  private static final long OFFER_LIMIT_SECONDS = 5;

  /** How long the disk may take for a group. */
  private static final Duration GROUP_LIMIT_TIME = Duration.ofMinutes(2);

  /** How often it is looked whether a group takes too long. */
  private static final Duration LIMIT_LOOK = Duration.ofSeconds(1);

  private static final long CLOSE_LIMIT_SECONDS = 30;
  private static final long LOOK_MILLIS = 200;

  private final BlockingQueue<Commit<?>> waiting = new ArrayBlockingQueue<>(WAITING_LIMIT);
  private final GroupCommit groups;
  private final Duration groupLimit;
  private final Thread thread;
  private int lastGroup = 1; // the ledger's thread's
  private volatile Optional<InFlight> inFlight = Optional.empty();
  private volatile boolean closing;
  private volatile boolean ended;

  /**
   * A group that is being written.
   *
   * @param sinceNanos in {@link System#nanoTime}
   */
  private record InFlight(List<Commit<?>> commits, long sinceNanos) {
    boolean longerThan(Duration limit) {
      return System.nanoTime() - sinceNanos > limit.toNanos();
    }
  }

  public CommitThread(GroupCommit.Group group) {
    this(group, GROUP_LIMIT_TIME);
  }

  /** With another limit, for tests. */
  CommitThread(GroupCommit.Group group, Duration groupLimit) {
    this.groups = new GroupCommit(group);
    this.groupLimit = groupLimit;
    this.thread = Thread.ofPlatform().name("ledger").daemon(true).start(this::loop);
    Thread.ofPlatform().name("ledger-limit").daemon(true).start(this::limit);
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
      failWaiting(CommitThread::closed);
    }
    return commit.await();
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
          linger(commits);
          inFlight = Optional.of(new InFlight(commits, System.nanoTime()));
          groups.write(commits);
          inFlight = Optional.empty();
          lastGroup = commits.size();
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    } finally {
      ended = true;
      failWaiting(CommitThread::closed);
    }
  }

  /**
   * Waits a little for as many commits as the last group had. Callers that were answered together
   * come back together, but not in the same instant. Without the wait, the first would have a sync
   * to itself, and all others would wait for that sync.
   */
  private void linger(List<Commit<?>> commits) throws InterruptedException {
    long until = System.nanoTime() + LINGER_NANOS;
    while (commits.size() < lastGroup) {
      Commit<?> next = waiting.poll(until - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (next == null) {
        return;
      }
      commits.add(next);
      waiting.drainTo(commits, GROUP_LIMIT - commits.size());
    }
  }

  /** While the disk does not return from a group, nobody waits for it longer than the limit. */
  private void limit() {
    try {
      while (!thread.join(LIMIT_LOOK)) {
        inFlight
            .filter(group -> group.longerThan(groupLimit))
            .ifPresent(
                group -> {
                  group.commits().forEach(commit -> commit.fail(notInTime()));
                  failWaiting(this::notTried);
                });
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private LedgerException notInTime() {
    return new LedgerException(
        LedgerException.Kind.UNKNOWN,
        "the disk did not take it within "
            + groupLimit.toSeconds()
            + " s; whether it still will is not known");
  }

  private LedgerException notTried() {
    return new LedgerException(
        LedgerException.Kind.BUSY,
        "the disk has not answered for " + groupLimit.toSeconds() + " s; nothing is recorded");
  }

  @Override
  public Optional<String> fault() {
    return groups.fault();
  }

  private void failWaiting(Supplier<LedgerException> failure) {
    Commit<?> left;
    while ((left = waiting.poll()) != null) {
      left.fail(failure.get());
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
