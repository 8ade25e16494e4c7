package io.gpurunner.agent.container.docker;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.gpurunner.agent.container.ContainerException;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Makes calls to the engine. Every call has a connection of its own and a time limit. Thread-safe.
 *
 * <p>One client with a response timeout would not be enough. On a unix socket the transport's
 * timeouts have no effect (its socket is a channel, which has no read timeout), and a pooled
 * connection breaks once after each restart of the engine. A call's own connection can be closed
 * when its time is up. That ends the read that waits on it, and no thread is interrupted.
 */
final class EngineConnection implements AutoCloseable {
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);

  private final URI host;
  private final DockerClientConfig config;
  private final ScheduledThreadPoolExecutor watch;

  EngineConnection(URI host) {
    this.host = host;
    // The default builder would take DOCKER_* variables, docker contexts and registry passwords
    // from the account that the agent runs under.
    this.config = new DefaultDockerClientConfig.Builder().withDockerHost(host.toString()).build();
    this.watch =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("docker-call-limits").factory());
    this.watch.setRemoveOnCancelPolicy(true);
    this.watch.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** Returns the engine's address, for messages. */
  URI host() {
    return host;
  }

  /**
   * Makes one request and returns its answer.
   *
   * @param what the request in words, for messages: {@code removing container x}
   * @throws ContainerException for every failure
   */
  <T> T call(String what, Duration limit, Function<DockerClient, T> request) {
    try (EngineCall call = open(limit)) {
      try {
        return request.apply(call.docker());
      } catch (ContainerException e) {
        throw e;
      } catch (RuntimeException e) {
        throw failure(what, call, e);
      }
    }
  }

  /**
   * Asks the engine about one thing, and reads the answer without the library. An image's author
   * writes a part of such an answer, and the library cannot read everything that is allowed there.
   *
   * @param path of the engine's API, without version
   * @param reading takes from the answer what is needed
   * @return empty if there is no such thing
   * @throws ContainerException for every failure
   */
  <T> Optional<T> inspect(String what, String path, Function<JsonNode, T> reading) {
    try (EngineCall call = open(CallLimits.QUICK)) {
      try {
        return call.inspect(path).map(reading);
      } catch (RuntimeException e) {
        throw failure(what, call, e);
      }
    }
  }

  /**
   * Asks the engine about an image.
   *
   * @param name the name or the id of the image
   * @return empty if there is no such image
   * @throws ContainerException for every failure
   */
  <T> Optional<T> inspectImage(String what, String name, Function<JsonNode, T> reading) {
    return inspect(what, "/images/" + inPath(name) + "/json", reading);
  }

  /**
   * Asks the registry of an image, without a password, whether it gives the image. Unlike a pull,
   * this asks also for a digest that the engine has.
   *
   * @return false if the registry says that it has no such image
   * @throws ContainerException for every failure, also if the registry refuses
   */
  boolean isGivenByRegistry(String what, String name) {
    return inspect(what, "/distribution/" + inPath(name) + "/json", _ -> true).orElse(false);
  }

  /** Returns the name of an image in a path, in which only brackets of an address are escaped. */
  private static String inPath(String name) {
    return name.replace("[", "%5B").replace("]", "%5D");
  }

  /** Makes a request whose answer has no content. */
  void run(String what, Duration limit, Consumer<DockerClient> request) {
    call(
        what,
        limit,
        docker -> {
          request.accept(docker);
          return true;
        });
  }

  /** Opens a connection for a long call. It closes itself at the limit. */
  EngineCall open(Duration limit) {
    ZerodepDockerHttpClient transport =
        new ZerodepDockerHttpClient.Builder()
            .dockerHost(host)
            .maxConnections(1)
            .connectionTimeout(CONNECT_LIMIT)
            .build();
    return new EngineCall(DockerClientImpl.getInstance(config, transport), transport, limit, watch);
  }

  /** Translates the failure of a call. */
  ContainerException failure(String what, EngineCall call, Throwable cause) {
    return call.timedOut()
        ? EngineErrors.timedOut(host, what, call.limit(), cause)
        : EngineErrors.of(host, what, cause);
  }

  @Override
  public void close() {
    watch.shutdown();
  }
}
