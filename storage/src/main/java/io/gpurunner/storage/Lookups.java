package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Looks at one file system that may hang, for example a network mount whose server is gone. Each
 * look runs on a platform thread of its own, and its caller waits for a limited time. When all
 * threads hang, callers get an answer at once until one of the threads returns. Thread-safe.
 */
final class Lookups {
  /** The longest time that a caller waits. */
  static final Duration LIMIT = Duration.ofSeconds(5);

  /** The largest number of looks at a time, and so of looks that hang. */
  static final int HANGING_LIMIT = 4;

  /** The largest number of looks that wait for a thread. */
  private static final int WAITING_LIMIT = 256;

  private final String subject;
  private final Duration limit;
  private final ThreadPoolExecutor threads;
  private final AtomicInteger hanging = new AtomicInteger();

  /**
   * @param threadName for the threads' names
   * @param subject what is looked at, for messages
   */
  Lookups(String threadName, String subject) {
    this(threadName, subject, LIMIT);
  }

  Lookups(String threadName, String subject, Duration limit) {
    this.subject = subject;
    this.limit = limit;
    this.threads = FileWork.pool(threadName, HANGING_LIMIT, WAITING_LIMIT);
  }

  /**
   * Makes a look, and returns its result or throws its exception.
   *
   * @throws StorageException UNAVAILABLE if the file system does not answer in time
   */
  <T> T look(Supplier<T> work) {
    if (hanging.get() >= HANGING_LIMIT) {
      throw unanswered("earlier looks at it have not returned");
    }
    Look<T> look = new Look<>(work);
    try {
      threads.execute(look);
    } catch (RejectedExecutionException full) {
      throw unanswered("too many looks at it wait already");
    }
    try {
      return look.answer.orTimeout(limit.toMillis(), TimeUnit.MILLISECONDS).join();
    } catch (CompletionException failed) {
      switch (failed.getCause()) {
        case TimeoutException _ -> {
          look.giveUp();
          throw unanswered("no answer within %d ms".formatted(limit.toMillis()));
        }
        case RuntimeException thrown -> throw thrown;
        case Error thrown -> throw thrown;
        case null, default -> throw failed;
      }
    }
  }

  /** Returns how many looks hang. Used by tests. */
  int hanging() {
    return hanging.get();
  }

  private StorageException unanswered(String why) {
    return new StorageException(
        Kind.UNAVAILABLE,
        "%s does not answer (%s): its file system hangs; try again later, and tell the administrator if that lasts"
            .formatted(subject, why));
  }

  private enum Progress {
    WAITING,
    LOOKING,
    HANGING,
    GIVEN_UP,
    DONE
  }

  private final class Look<T> implements Runnable {
    private final Supplier<T> work;
    private final AtomicReference<Progress> progress = new AtomicReference<>(Progress.WAITING);
    final CompletableFuture<T> answer = new CompletableFuture<>();

    Look(Supplier<T> work) {
      this.work = work;
    }

    @Override
    public void run() {
      if (!progress.compareAndSet(Progress.WAITING, Progress.LOOKING)) {
        return;
      }
      try {
        answer.complete(work.get());
      } catch (RuntimeException | Error thrown) {
        answer.completeExceptionally(thrown);
      } finally {
        if (progress.getAndSet(Progress.DONE) == Progress.HANGING) {
          hanging.decrementAndGet();
        }
      }
    }

    /** Records that nobody waits for this look any more. */
    void giveUp() {
      if (!progress.compareAndSet(Progress.WAITING, Progress.GIVEN_UP)
          && progress.compareAndSet(Progress.LOOKING, Progress.HANGING)) {
        hanging.incrementAndGet();
      }
    }
  }
}
