package io.gpurunner.agent.ledger.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IndexFeedTest {
  private static final Instant AT = Instant.parse("2026-01-01T00:00:00Z");
  private static final int LIMIT = 20_000;

  @TempDir Path directory;

  private static Change created(long sequence) {
    JobId id = new JobId("ai00000000-0000-4000-8000-%012d".formatted(sequence));
    Job job = Job.created(id, "ann", sequence, AT, Requests.simple().build());
    JobRecord record = new JobRecord(job, Optional.empty(), List.of(), Optional.empty());
    return new Change(id, Optional.of(record));
  }

  private static List<Change> created(long from, long to) {
    return LongStream.rangeClosed(from, to).mapToObj(IndexFeedTest::created).toList();
  }

  /** The locks are held over work on the disk. Readiness and metrics must not wait for it. */
  @Test
  void faultsAreToldWhileTheDiskHangs() throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    place.make();
    Snapshots.makeFirst(place, "name");
    Reserve reserve = new Reserve(place, 1 << 20);
    try (IndexFeed feed = new IndexFeed(place, "name", 0, reserve, _ -> {})) {
      synchronized (reserve) {
        synchronized (feed) {
          assertThat(CompletableFuture.supplyAsync(reserve::fault).get(60, TimeUnit.SECONDS))
              .isPresent();
          assertThat(CompletableFuture.supplyAsync(feed::fault).get(60, TimeUnit.SECONDS))
              .isEmpty();
        }
      }
    }
  }

  @Test
  void recordingWaitsWhileTooManyJobsWaitForIt() throws Exception {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    place.make();
    Snapshots.makeFirst(place, "name");
    CountDownLatch first = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Reserve reserve = new Reserve(place, 1 << 20);
    try (IndexFeed feed =
        new IndexFeed(
            place,
            "name",
            0,
            reserve,
            _ -> {
              first.countDown();
              await(go);
            })) {
      feed.start();
      assertThat(first.await(60, TimeUnit.SECONDS)).isTrue(); // it is open, and held there
      feed.offer(created(1, LIMIT - 1), 1);
      feed.offer(created(LIMIT, LIMIT), 2);
      CompletableFuture<Void> more =
          CompletableFuture.runAsync(() -> feed.offer(created(LIMIT + 1, LIMIT + 1), 3));
      assertThatThrownBy(() -> more.get(300, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      go.countDown();
      more.get(60, TimeUnit.SECONDS);
      assertThat(feed.<Long>read(view -> view.count(Optional.empty()))).isEqualTo(LIMIT + 1);
    }
  }

  @Test
  void anErrorOfTheDatabaseDoesNotEndTheThread() throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    place.make();
    Snapshots.makeFirst(place, "name");
    AtomicInteger calls = new AtomicInteger();
    try (IndexFeed feed =
        new IndexFeed(
            place,
            "name",
            0,
            new Reserve(place, 1 << 20),
            _ -> {
              if (calls.incrementAndGet() == 1) {
                throw new StackOverflowError("too deep");
              }
            })) {
      feed.start();
      Awaitility.await().until(() -> feed.fault().isPresent());
      assertThat(feed.fault()).contains("too deep");
      assertThatThrownBy(() -> feed.read(view -> view.count(Optional.empty())))
          .hasMessageContaining("too deep");
      feed.retry();
      assertThat(feed.<Long>read(view -> view.count(Optional.empty()))).isZero();
      assertThat(feed.fault()).isEmpty();
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** Nothing was recorded, and nothing is to be waited for. */
  @Test
  void aNewIndexIsEmpty() throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory.resolve("ledger"));
    place.make();
    Snapshots.makeFirst(place, "name");
    try (IndexFeed feed = new IndexFeed(place, "name", 0, new Reserve(place, 1 << 20), _ -> {})) {
      assertThat(feed.<Long>read(view -> view.count(Optional.empty()))).isZero();
    }
  }
}
