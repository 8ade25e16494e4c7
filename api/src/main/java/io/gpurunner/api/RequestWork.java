package io.gpurunner.api;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Runs work that may block outside the event loop, up to a number of calls at a time. Work of one
 * user has a part of that number, and what is beyond waits for the user's own work. Not
 * thread-safe: belongs to the server's event loop, where results come back too.
 */
final class RequestWork {
  private static final Duration IDLE_THREAD = Duration.ofSeconds(30);

  private final Vertx vertx;
  private final int limit;
  private final Executor threads;
  private final Map<String, UserWork> ofUsers = new HashMap<>();
  private int running;

  /** The calls of one user: how many run, and those that wait. */
  private static final class UserWork {
    private final Deque<Runnable> waiting = new ArrayDeque<>();
    private int running;
  }

  /** Runs each call on a virtual thread of its own. */
  RequestWork(Vertx vertx, int limit) {
    this(vertx, limit, Executors.newVirtualThreadPerTaskExecutor());
  }

  private RequestWork(Vertx vertx, int limit, Executor threads) {
    this.vertx = vertx;
    this.limit = limit;
    this.threads = threads;
  }

  /**
   * Creates an instance that reads files. It has a few platform threads, because a read of a file
   * holds the carrier of a virtual thread. The threads end when nothing is read for a while.
   */
  static RequestWork forFiles(Vertx vertx, int limit) {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            ApiLimits.MAX_FILE_READS,
            ApiLimits.MAX_FILE_READS,
            IDLE_THREAD.toSeconds(),
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(limit), // never full: no more calls run at a time
            Thread.ofPlatform().name("download-", 1).daemon().factory());
    threads.allowCoreThreadTimeOut(true);
    return new RequestWork(vertx, limit, threads);
  }

  /**
   * Runs work of a user. Calls exactly one of the two handlers, on the event loop. The work waits
   * while as much of the user's work runs as one user may have.
   */
  <T> void run(String user, Supplier<T> work, Consumer<T> done, Consumer<Throwable> failed) {
    UserWork own = ofUsers.computeIfAbsent(user, _ -> new UserWork());
    if (own.waiting.size() >= ApiLimits.MAX_WAITING_REQUESTS_OF_A_USER) {
      failed.accept(
          new RequestRefusedException(
              RequestRefusedException.Kind.TOO_MANY,
              "%d requests of %s wait already, the most of one user; try again"
                  .formatted(own.waiting.size(), user),
              ApiLimits.RETRY_AFTER));
      return;
    }
    Runnable call =
        () -> {
          own.running++;
          run(
              work,
              result -> {
                ended(user, own);
                done.accept(result);
              },
              failure -> {
                ended(user, own);
                failed.accept(failure);
              });
        };
    if (own.running < ApiLimits.MAX_REQUESTS_OF_A_USER) {
      call.run();
    } else {
      own.waiting.add(call);
    }
  }

  private void ended(String user, UserWork own) {
    own.running--;
    Runnable next = own.waiting.poll();
    if (next != null) {
      next.run();
    } else if (own.running == 0) {
      ofUsers.remove(user, own);
    }
  }

  /** Runs the work. Calls exactly one of the two handlers, on the event loop. */
  <T> void run(Supplier<T> work, Consumer<T> done, Consumer<Throwable> failed) {
    if (running >= limit) {
      failed.accept(
          new RequestRefusedException(
              RequestRefusedException.Kind.UNAVAILABLE,
              "the agent works on %d requests already; try again".formatted(limit)));
      return;
    }
    running++;
    Context loop = vertx.getOrCreateContext();
    threads.execute(
        () -> {
          try {
            T result = work.get();
            loop.runOnContext(
                back -> {
                  running--;
                  done.accept(result);
                });
          } catch (RuntimeException | Error e) {
            loop.runOnContext(
                back -> {
                  running--;
                  failed.accept(e);
                });
          }
        });
  }
}
