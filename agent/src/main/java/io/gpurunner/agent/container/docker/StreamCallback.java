package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.async.ResultCallback;
import java.io.Closeable;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Receives an answer that comes piece by piece on the library's thread, while another thread waits.
 *
 * <p>The library's own base class interrupts the reading thread when it is closed. This class
 * ignores the handle that it is given for that. Closing the {@link EngineCall} ends the stream.
 */
abstract class StreamCallback<T> implements ResultCallback<T> {
  private final CountDownLatch end = new CountDownLatch(1);
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  @Override
  public final void onStart(Closeable interruptingHandle) {}

  @Override
  public final void onError(Throwable throwable) {
    failure.compareAndSet(null, throwable);
    end.countDown();
  }

  @Override
  public final void onComplete() {
    end.countDown();
  }

  /** Waits for the end of the stream, at most this long. Returns whether it ended. */
  final boolean awaitEnd(Duration wait) {
    try {
      return end.await(wait.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      // No part of the agent interrupts threads; a stray interrupt ends the wait as a failure.
      throw new IllegalStateException("interrupted while waiting for the container engine", e);
    }
  }

  /** Returns why the stream ended early. It is empty if it came to its end or has not ended. */
  final Optional<Throwable> failure() {
    return Optional.ofNullable(failure.get());
  }

  @Override
  public final void close() {}
}
