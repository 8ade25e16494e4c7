package io.gpurunner.agent.ledger.commit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.ledger.LedgerException;
import java.io.IOException;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whoever waits for a commit is told, whatever fails. */
@Timeout(30)
class CommitThreadTest {
  private static final Duration SOON = Duration.ofSeconds(20);
  private static final Duration LONG = Duration.ofSeconds(60);

  private final ScriptedGroup group = new ScriptedGroup();

  /** Completed where a sync that a test holds up is to end. */
  private final CompletableFuture<Boolean> held = new CompletableFuture<>();

  @SuppressWarnings("NullAway.Init") // made before each test
  private CommitThread commits;

  @BeforeEach
  void make() {
    commits = new CommitThread(group);
  }

  @AfterEach
  void close() {
    held.complete(true);
    commits.close();
  }

  @Test
  void aResultIsReturnedOnceTheGroupIsOnDisk() {
    assertThat(commits.commit(() -> group.committed.get())).isZero();
    assertThat(group.committed).hasValue(1);
    assertThat(group.published).hasValue(1);
  }

  @Test
  void whatTheWorkThrowsIsThrownToItsCallerAlone() {
    assertThatThrownBy(
            () ->
                commits.commit(
                    () -> {
                      throw new LedgerException(LedgerException.Kind.ABSENT, "no such job");
                    }))
        .isInstanceOfSatisfying(
            LedgerException.class, e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.ABSENT))
        .hasMessage("no such job");
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
  }

  @Test
  void anErrorInTheWorkIsToldToo() {
    assertThatThrownBy(
            () ->
                commits.commit(
                    () -> {
                      throw new OutOfMemoryError("planted");
                    }))
        .isInstanceOf(LedgerException.class)
        .hasMessageContaining("planted");
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
  }

  @Test
  void aGroupThatFailsIsToldAndTheNextGoesOn() {
    group.onCommit =
        () -> {
          throw new IOException("disk is gone");
        };
    assertRefused(LedgerException.Kind.UNKNOWN, "disk is gone");
    assertThat(group.published).hasValue(0);
    assertThat(commits.fault()).get().asString().contains("disk is gone");
    group.onCommit = () -> {};
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
    assertThat(commits.fault()).isEmpty();
  }

  @Test
  void aFailingListenerOrTidyingIsNoFailureOfTheCommit() {
    group.publishFails = true;
    assertThat(commits.commit(() -> "told")).isEqualTo("told");
  }

  @Test
  void afterTheEndCommitsAreRefused() {
    commits.close();
    assertThatThrownBy(() -> commits.commit(() -> "late"))
        .isInstanceOfSatisfying(
            LedgerException.class,
            e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.CLOSED));
  }

  @Test
  @Timeout(120)
  void whoeverComesWhileTooManyWaitIsToldThatTheLedgerIsBusy() {
    hold();
    AtomicInteger runs = new AtomicInteger();
    AtomicInteger told = new AtomicInteger();
    Queue<LedgerException> refused = new ConcurrentLinkedQueue<>();
    for (int commit = 0; commit <= CommitThread.WAITING_LIMIT; commit++) {
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  commits.commit(runs::incrementAndGet);
                  told.incrementAndGet();
                } catch (LedgerException e) {
                  refused.add(e);
                }
              });
    }
    // The queue takes all of them but one, whichever that is.
    Awaitility.await("one to be refused").atMost(LONG).until(() -> !refused.isEmpty());
    held.complete(true);
    Awaitility.await("the others to be told")
        .atMost(LONG)
        .until(() -> told.get() + refused.size() == CommitThread.WAITING_LIMIT + 1);
    assertThat(refused)
        .singleElement()
        .satisfies(
            e -> {
              assertThat(e.kind()).isEqualTo(LedgerException.Kind.BUSY);
              assertThat(e).hasMessageContaining("4096 commits are waiting for the disk");
            });
    assertThat(runs).as("what was refused is never run").hasValue(CommitThread.WAITING_LIMIT);
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
  }

  @Test
  void aCommitThatTheDiskTakesTooLongForIsToldThatItIsNotKnownAndMayStillCome() {
    commits.close();
    commits = new CommitThread(group, Duration.ofSeconds(1));
    group.onCommit = held::join;
    AtomicInteger atTheDisk = new AtomicInteger();
    AtomicInteger behindIt = new AtomicInteger();
    CompletableFuture<Integer> first =
        CompletableFuture.supplyAsync(() -> commits.commit(atTheDisk::incrementAndGet));
    Awaitility.await("the first to be at the disk").atMost(SOON).until(() -> atTheDisk.get() == 1);
    assertThatThrownBy(() -> commits.commit(behindIt::incrementAndGet))
        .isInstanceOfSatisfying(
            LedgerException.class, e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.BUSY))
        .hasMessage("the disk has not answered for 1 s; nothing is recorded");
    assertThatThrownBy(first::join)
        .cause()
        .isInstanceOfSatisfying(
            LedgerException.class,
            e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.UNKNOWN))
        .hasMessageContaining("did not take it within 1 s; whether it still will is not known");
    assertThat(group.committed).hasValue(0);
    held.complete(true);
    Awaitility.await("the first to be on disk")
        .atMost(SOON)
        .until(() -> group.committed.get() == 1);
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
    assertThat(atTheDisk).hasValue(1);
    assertThat(behindIt).as("what never came to the disk is not run after its answer").hasValue(0);
    assertThat(group.committed).hasValue(2);
  }

  /** The ledger's thread is in a sync from now on, until the test lets it go. */
  private void hold() {
    CompletableFuture<Boolean> syncing = new CompletableFuture<>();
    group.onCommit =
        () -> {
          syncing.complete(true);
          held.join();
        };
    Thread.ofVirtual().start(() -> commits.commit(() -> "held"));
    assertThat(syncing.join()).isTrue();
  }

  private void assertRefused(LedgerException.Kind kind, String words) {
    ThrowingCallable call = () -> commits.commit(() -> "lost");
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(LedgerException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContaining(words);
  }

  private interface Sync {
    void run() throws IOException;
  }

  private static final class ScriptedGroup implements GroupCommit.Group {
    final AtomicInteger committed = new AtomicInteger();
    final AtomicInteger published = new AtomicInteger();
    volatile Sync onCommit = () -> {};
    volatile boolean publishFails;

    @Override
    public void begin() {}

    @Override
    public void undoLast() {}

    @Override
    public void keepLast() {}

    @Override
    public void record() throws IOException {
      onCommit.run();
      committed.incrementAndGet();
    }

    @Override
    public void publish() {
      published.incrementAndGet();
      if (publishFails) {
        throw new IllegalStateException("planted");
      }
    }

    @Override
    public void rest() {
      if (publishFails) {
        throw new IllegalStateException("planted");
      }
    }
  }
}
