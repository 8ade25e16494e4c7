package io.gpurunner.agent;

import com.sun.net.httpserver.HttpServer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;

/** A receiver of callbacks on the loopback interface. Thread-safe. */
final class CallbackReceiver implements AutoCloseable {
  /** One callback as it came. */
  record Received(
      JsonObject body, String delivery, String timestamp, String signature, String rawBody) {}

  private final HttpServer server;
  private final ConcurrentLinkedQueue<Received> received = new ConcurrentLinkedQueue<>();
  private volatile int answer = 200;

  CallbackReceiver() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext(
        "/callback",
        exchange -> {
          String body =
              new String(
                  exchange.getRequestBody().readAllBytes(),
                  java.nio.charset.StandardCharsets.UTF_8);
          received.add(
              new Received(
                  new JsonObject(body),
                  exchange.getRequestHeaders().getFirst("X-Gpurunner-Delivery"),
                  exchange.getRequestHeaders().getFirst("X-Gpurunner-Timestamp"),
                  exchange.getRequestHeaders().getFirst("X-Gpurunner-Signature-256"),
                  body));
          exchange.sendResponseHeaders(answer, -1);
          exchange.close();
        });
    server.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/callback";
  }

  /** From now on every callback is answered with this status. */
  void answerWith(int status) {
    answer = status;
  }

  /** The callbacks about a job, in the order they came. */
  List<Received> about(String jobId) {
    return received.stream()
        .filter(callback -> jobId.equals(callback.body().getString("job_id")))
        .toList();
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
