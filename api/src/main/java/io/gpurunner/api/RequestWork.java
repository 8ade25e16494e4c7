package io.gpurunner.api;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Runs what may block, each call on a virtual thread of its own, so many at once and no more. Not
 * thread-safe: belongs to the server's event loop, where results come back too.
 */
final class RequestWork {
  private final Vertx vertx;
  private final int limit;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private int running;

  RequestWork(Vertx vertx, int limit) {
    this.vertx = vertx;
    this.limit = limit;
  }

  /** Runs the work; exactly one of the two is called, on the event loop. */
  <T> void run(Supplier<T> work, Consumer<T> done, Consumer<Throwable> failed) {
    if (running >= limit) {
      failed.accept(
          new RequestRefusedException(
              RequestRefusedException.Kind.UNAVAILABLE,
              "%d requests are being worked on already; try again".formatted(limit)));
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
