package io.gpurunner.agent.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
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
  void make() throws SQLException {
    group.connection = DriverManager.getConnection("jdbc:h2:mem:");
    group.connection.setAutoCommit(false);
    commits = new CommitThread(group);
  }

  @AfterEach
  void close() throws SQLException {
    held.complete(true);
    commits.close();
    group.connection.close();
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
  void aFailedSyncIsToldAndTheNextGroupGoesOn() {
    group.onCommit =
        () -> {
          throw new SQLException("no space left on device");
        };
    assertFailed("no space left on device");
    assertThat(group.recovered).hasValue(2);
    assertThat(group.published).hasValue(0);
    group.onCommit = () -> {};
    assertThat(commits.commit(() -> "next")).isEqualTo("next");
  }

  @Test
  void aGroupThatFailsOnceIsWrittenAgain() {
    group.onCommit =
        () -> {
          group.onCommit = () -> {};
          throw new SQLException("the database was closed");
        };
    AtomicInteger runs = new AtomicInteger();
    assertThat(commits.commit(runs::incrementAndGet)).isEqualTo(2);
    assertThat(group.published).hasValue(1);
  }

  @Test
  void aGroupFoundOnDiskAfterItsSyncFailedStands() {
    group.onCommit =
        () -> {
          throw new SQLException("the answer was lost");
        };
    group.onDiskAfterAll = true;
    assertThat(commits.commit(() -> "there")).isEqualTo("there");
    assertThat(group.published).hasValue(1);
  }

  @Test
  void aGroupBeforeThatIsFoundOnDiskIsNotTakenForThisOne() {
    group.onBegin =
        () -> {
          group.onBegin = () -> {};
          throw new SQLException("the file was opened, and could not be synced");
        };
    group.onDiskAfterAll = true;
    AtomicInteger runs = new AtomicInteger();
    assertThat(commits.commit(runs::incrementAndGet)).isEqualTo(1);
    assertThat(group.published).as("the group before, and this one").hasValue(2);
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
  void aConnectionThatIsGoneIsTold() throws SQLException {
    group.connection.close();
    assertFailed("closed");
  }

  @Test
  void aFailedRecoveryIsToldLikeTheFailureItself() {
    group.onCommit =
        () -> {
          throw new SQLException("disk is gone");
        };
    group.recoveryFails = true;
    assertRefused(LedgerException.Kind.UNKNOWN, "disk is gone");
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
  void aCommitThatWaitsTooLongIsToldThatItIsNotKnownAndMayStillCome() {
    commits.close();
    commits = new CommitThread(group, 1);
    group.onCommit = held::join;
    AtomicInteger runs = new AtomicInteger();
    String limit = "did not take it within 1 s; whether it still will is not known";
    // The one whose sync hangs, and one that waits behind it.
    for (int commit = 0; commit < 2; commit++) {
      assertThatThrownBy(() -> commits.commit(runs::incrementAndGet))
          .isInstanceOfSatisfying(
              LedgerException.class,
              e -> assertThat(e.kind()).isEqualTo(LedgerException.Kind.UNKNOWN))
          .hasMessageContaining(limit);
    }
    assertThat(group.committed).hasValue(0);
    held.complete(true);
    Awaitility.await("both to be on disk").atMost(SOON).until(() -> group.committed.get() == 2);
    assertThat(runs).hasValue(2);
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

  private void assertFailed(String words) {
    assertRefused(LedgerException.Kind.FAILED, words);
  }

  private void assertRefused(LedgerException.Kind kind, String words) {
    ThrowingCallable call = () -> commits.commit(() -> "lost");
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(LedgerException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContaining(words);
  }

  private interface Sync {
    void run() throws SQLException;
  }

  private static final class ScriptedGroup implements GroupCommit.Group {
    final AtomicInteger committed = new AtomicInteger();
    final AtomicInteger published = new AtomicInteger();
    final AtomicInteger recovered = new AtomicInteger();
    volatile Sync onBegin = () -> {};
    volatile Sync onCommit = () -> {};
    volatile boolean onDiskAfterAll;
    volatile boolean recoveryFails;
    volatile boolean publishFails;

    @SuppressWarnings("NullAway.Init") // set before each test
    volatile Connection connection;

    @Override
    public Connection begin() {
      try {
        onBegin.run();
      } catch (SQLException e) {
        throw LedgerException.failed(new IllegalStateException(e));
      }
      return connection;
    }

    @Override
    public void undoLast() {}

    @Override
    public void keepLast() {}

    @Override
    public void commit() throws SQLException {
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
    public boolean recover() {
      recovered.incrementAndGet();
      if (recoveryFails) {
        throw new IllegalStateException("planted");
      }
      return onDiskAfterAll;
    }

    @Override
    public void rest() {
      if (publishFails) {
        throw new IllegalStateException("planted");
      }
    }

    @Override
    public void idle() {}
  }
}
