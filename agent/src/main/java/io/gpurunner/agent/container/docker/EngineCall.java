package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.transport.DockerHttpClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * One connection to the engine, for one call. Closing it, from any thread or when its time is up,
 * ends what waits on it with an error. Thread-safe.
 */
final class EngineCall implements AutoCloseable {
  private final DockerClient docker;
  private final DockerHttpClient transport;
  private final Duration limit;
  private final Future<?> alarm;
  private volatile boolean timedOut;

  EngineCall(
      DockerClient docker,
      DockerHttpClient transport,
      Duration limit,
      ScheduledExecutorService watch) {
    this.docker = docker;
    this.transport = transport;
    this.limit = limit;
    this.alarm = arm(watch);
  }

  private Future<?> arm(ScheduledExecutorService watch) {
    try {
      return watch.schedule(
          () -> {
            timedOut = true;
            disconnect();
          },
          limit.toMillis(),
          TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      disconnect();
      throw new IllegalStateException("the connection to the container engine is closed", e);
    }
  }

  DockerClient docker() {
    return docker;
  }

  Duration limit() {
    return limit;
  }

  /** Whether it ended because its time was up. */
  boolean timedOut() {
    return timedOut;
  }

  @Override
  public void close() {
    alarm.cancel(false);
    disconnect();
  }

  private void disconnect() {
    try {
      transport.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
