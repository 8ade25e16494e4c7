package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.transport.DockerHttpClient;
import com.github.dockerjava.transport.DockerHttpClient.Request.Method;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A connection to the engine for one call. Any thread may close it, and it closes itself when its
 * time is up. A thread that waits on it then gets an error. Thread-safe.
 */
final class EngineCall implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int HTTP_OK = 200;
  private static final int HTTP_NOT_FOUND = 404;

  private final DockerClient docker;
  private final DockerHttpClient transport;
  private final ScheduledExecutorService watch;
  private volatile Duration limit;
  private Future<?> alarm;
  private volatile boolean timedOut;

  EngineCall(
      DockerClient docker,
      DockerHttpClient transport,
      Duration limit,
      ScheduledExecutorService watch) {
    this.docker = docker;
    this.transport = transport;
    this.watch = watch;
    this.limit = limit;
    this.alarm = arm();
  }

  private Future<?> arm() {
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

  /**
   * Returns the engine's answer for a path of its API. It is empty if the engine has no such thing.
   *
   * @throws DockerException if the engine refuses the request
   */
  Optional<JsonNode> inspect(String path) {
    Optional<DockerHttpClient.Response> answer = get(path);
    if (answer.isEmpty()) {
      return Optional.empty();
    }
    try (DockerHttpClient.Response found = answer.get()) {
      return Optional.of(JSON.readTree(found.getBody()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Returns the body of the engine's answer for a path of its API. It ends when this call is
   * closed. It is empty if the engine has no such thing.
   *
   * @throws DockerException if the engine refuses the request
   */
  Optional<InputStream> stream(String path) {
    return get(path).map(DockerHttpClient.Response::getBody);
  }

  /** Returns the engine's answer. It is empty if the engine has no such thing. */
  private Optional<DockerHttpClient.Response> get(String path) {
    DockerHttpClient.Request request =
        DockerHttpClient.Request.builder().method(Method.GET).path(path).build();
    DockerHttpClient.Response answer = transport.execute(request);
    int status = answer.getStatusCode();
    if (status == HTTP_OK) {
      return Optional.of(answer);
    }
    try (answer) {
      if (status == HTTP_NOT_FOUND) {
        return Optional.empty();
      }
      String words = new String(answer.getBody().readAllBytes(), StandardCharsets.UTF_8);
      throw new DockerException(words, status);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Gives the call more time: its limit counts from now on. */
  synchronized void extendTo(Duration longer) {
    if (alarm.cancel(false)) {
      limit = longer;
      alarm = arm();
    }
  }

  Duration limit() {
    return limit;
  }

  /** Returns whether the call ended because its time was up. */
  boolean timedOut() {
    return timedOut;
  }

  @Override
  public synchronized void close() {
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
