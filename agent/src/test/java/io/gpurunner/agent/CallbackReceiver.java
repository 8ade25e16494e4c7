package io.gpurunner.agent;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** A receiver of callbacks on the loopback interface. Thread-safe. */
final class CallbackReceiver implements AutoCloseable {
  /** The time between two bytes of a slow answer. */
  private static final Duration DRIBBLE = Duration.ofMillis(100);

  private static final long SLOW_BODY_BYTES = 1L << 30;

  /** One callback as it was received. */
  record Received(
      JsonObject body, String delivery, String timestamp, String signature, String rawBody) {}

  /** Answers a callback. */
  @FunctionalInterface
  private interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private final HttpServer server;
  private final ConcurrentLinkedQueue<Received> received = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<String> paths = new ConcurrentLinkedQueue<>();
  private final AtomicInteger hungUp = new AtomicInteger();
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile Answer answer = exchange -> exchange.sendResponseHeaders(200, -1);

  CallbackReceiver() {
    this(0);
  }

  /**
   * @param port the port to listen on; 0 for any free one
   */
  CallbackReceiver(int port) {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    // Each request has a thread, so a slow answer does not delay another one.
    server.setExecutor(task -> Thread.ofVirtual().start(task));
    server.createContext("/", this::receive);
    server.start();
  }

  private void receive(HttpExchange exchange) throws IOException {
    paths.add(exchange.getRequestURI().getPath());
    try (exchange) {
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      Answer now = answer;
      received.add(
          new Received(
              new JsonObject(body),
              exchange.getRequestHeaders().getFirst("X-Gpurunner-Delivery"),
              exchange.getRequestHeaders().getFirst("X-Gpurunner-Timestamp"),
              exchange.getRequestHeaders().getFirst("X-Gpurunner-Signature-256"),
              body));
      now.to(exchange);
    }
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/callback";
  }

  // ---- how later callbacks are answered

  void answerWith(int status) {
    answer = exchange -> exchange.sendResponseHeaders(status, -1);
  }

  void redirectWith(int status, String path) {
    answer =
        exchange -> {
          exchange.getResponseHeaders().set("Location", path);
          exchange.sendResponseHeaders(status, -1);
        };
  }

  void neverAnswer() {
    answer = exchange -> awaitClosing();
  }

  /** Answers 200 after a while. */
  void answerAfter(Duration wait) {
    answer =
        exchange -> {
          isClosingWithin(wait);
          exchange.sendResponseHeaders(200, -1);
        };
  }

  /** Answers a status and a body that does not end. */
  void answerSlowlyWith(int status) {
    answer =
        exchange -> {
          exchange.sendResponseHeaders(status, SLOW_BODY_BYTES);
          OutputStream body = exchange.getResponseBody();
          try {
            while (!isClosingWithin(DRIBBLE)) {
              body.write('.');
              body.flush();
            }
          } catch (IOException broken) {
            hungUp.incrementAndGet();
          }
        };
  }

  private boolean isClosingWithin(Duration wait) {
    try {
      return closing.await(wait.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private void awaitClosing() {
    try {
      closing.await();
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  // ---- what was received

  /** Returns the callbacks about a job, in the order they came. */
  List<Received> about(String jobId) {
    return received.stream()
        .filter(callback -> jobId.equals(callback.body().getString("job_id")))
        .toList();
  }

  /** Returns the paths of all requests, in the order they came. */
  List<String> paths() {
    return List.copyOf(paths);
  }

  /** Returns the number of callers that closed the connection during a slow answer. */
  int hungUp() {
    return hungUp.get();
  }

  @Override
  public void close() {
    closing.countDown();
    server.stop(0);
  }
}
