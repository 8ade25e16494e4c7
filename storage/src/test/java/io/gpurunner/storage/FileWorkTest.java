package io.gpurunner.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.storage.FileWork.Task;
import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FileWorkTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  @TempDir Path directory;
  private final FileWork files = new FileWork();

  @AfterEach
  void close() {
    files.close();
  }

  /** Opens a pipe. The call hangs until somebody writes to it, as on a disk that is gone. */
  private void open(Path pipe) {
    try {
      Files.newInputStream(pipe).close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<Task, Integer> limits() {
    return Map.of(
        Task.PUBLISH, 3,
        Task.COPY, 2,
        Task.REMOVE, 2,
        Task.MEASURE, 4,
        Task.MEASURE_ENDED, 4,
        Task.SYNC, 1,
        Task.PREPARE, 16,
        Task.SAVE, 16);
  }

  @Test
  void aStoreOnThisMachineThatHangsIsNotWaitedForByClients() {
    CountDownLatch mayEnd = new CountDownLatch(1);
    ArtifactStore hanging =
        new DecoratedStore(
            new LocalArtifactStore(directory, URI.create("http://localhost"), new byte[64])) {
          @Override
          public Optional<StoredObject> read(ObjectKey key, int maxBytes) {
            awaitUninterrupted(mayEnd);
            return super.read(key, maxBytes);
          }
        };
    ArtifactStore store =
        new StoreOnThreads(hanging, files, new Lookups("look", "the store", Duration.ofMillis(50)));
    ObjectKey key = new ObjectKey(new JobFolder("job"), "manifest.json");

    assertThatThrownBy(() -> store.read(key, 1))
        .isInstanceOfSatisfying(
            StorageException.class,
            failure -> assertThat(failure.kind()).isEqualTo(Kind.UNAVAILABLE))
        .hasMessageContaining("the store does not answer");
    mayEnd.countDown();
    assertThat(store.read(key, 1)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void eachKindHasSoManyThreadsAndSoLongAQueue(Task task) {
    int limit = Objects.requireNonNull(limits().get(task));
    int queue = 1_024;
    AtomicInteger working = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch begun = new CountDownLatch(limit);
    CountDownLatch done = new CountDownLatch(limit + queue);
    CountDownLatch mayEnd = new CountDownLatch(1);
    Runnable work =
        () -> {
          most.accumulateAndGet(working.incrementAndGet(), Math::max);
          begun.countDown();
          awaitUninterrupted(mayEnd);
          working.decrementAndGet();
          done.countDown();
        };
    Executor threads = files.executor(task);
    for (int piece = 0; piece < limit + queue; piece++) {
      threads.execute(work);
    }
    assertThatThrownBy(() -> threads.execute(work)).isInstanceOf(RejectedExecutionException.class);
    awaitUninterrupted(begun);
    mayEnd.countDown();
    awaitUninterrupted(done);
    assertThat(most).hasValue(limit);
  }

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      assertThat(latch.await(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test", e);
    }
  }

  /**
   * If virtual threads opened the pipe themselves, one for each processor would stop all others.
   */
  @Test
  void filesThatHangHoldUpNoVirtualThread() throws Exception {
    HostileTree.shell(directory, "mkfifo pipe");
    Path pipe = directory.resolve("pipe");
    List<Thread> hanging = new ArrayList<>();
    for (Task task : Task.values()) {
      for (int thread = 0; thread <= Runtime.getRuntime().availableProcessors(); thread++) {
        hanging.add(Thread.ofVirtual().start(() -> files.run(task, () -> open(pipe))));
      }
    }

    Thread free = Thread.ofVirtual().start(() -> {});
    assertThat(free.join(LIMIT)).isTrue();

    // A writer opens the pipe again and again, until every hanging thread has returned.
    CompletableFuture<Void> writer =
        CompletableFuture.runAsync(
            () -> {
              while (hanging.stream().anyMatch(Thread::isAlive)) {
                try {
                  Files.newOutputStream(pipe).close();
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              }
            },
            task -> Thread.ofPlatform().daemon().start(task));
    for (Thread thread : hanging) {
      assertThat(thread.join(LIMIT)).isTrue();
    }
    assertThat(writer).isNotNull();
  }

  @Test
  void aPlatformThreadWorksItselfAndAVirtualOneGetsResultAndFault() throws Exception {
    assertThat(files.call(Task.COPY, Thread::currentThread)).isSameAs(Thread.currentThread());
    onVirtualThread(
        () -> {
          assertThat(files.call(Task.COPY, () -> Thread.currentThread().getName()))
              .startsWith("copy-");
          assertThatThrownBy(
                  () ->
                      files.run(
                          Task.COPY,
                          () -> {
                            throw new StorageException(Kind.FULL, "no room");
                          }))
              .isInstanceOf(StorageException.class)
              .hasMessage("no room");
        });
  }

  @Test
  void startsNothingOnceItIsClosed() throws Exception {
    files.close();
    onVirtualThread(
        () ->
            assertThatThrownBy(() -> files.call(Task.COPY, () -> 1))
                .isInstanceOf(StorageException.class)
                .extracting(thrown -> ((StorageException) thrown).kind())
                .isEqualTo(Kind.UNAVAILABLE));
  }

  private static void onVirtualThread(Runnable work) {
    CompletableFuture.runAsync(work, task -> Thread.ofVirtual().start(task)).join();
  }
}
