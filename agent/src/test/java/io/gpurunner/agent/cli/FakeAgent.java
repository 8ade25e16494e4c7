package io.gpurunner.agent.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Answers like an agent what a test tells it to. The last answer of a path is given again. */
public final class FakeAgent implements AutoCloseable {
  private final HttpServer server;
  private final Map<String, Deque<Reply>> replies = new HashMap<>();
  private final List<Request> requests = new ArrayList<>();

  /** What came. */
  public record Request(String line, Map<String, String> headers, String body) {
    public String header(String name) {
      return headers.getOrDefault(name, "");
    }
  }

  /**
   * What is answered.
   *
   * @param retryAfter the header; none if empty
   * @param broken whether the connection ends before any answer
   */
  private record Reply(int status, String type, String body, String retryAfter, boolean broken) {}

  public FakeAgent() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 0);
    server.createContext("/", this::handle);
    server.start();
  }

  public String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /**
   * Adds an answer with 200.
   *
   * @param request the method and the path; with the query, if only that request is meant
   */
  public FakeAgent answers(String request, String json) {
    return answers(request, 200, json);
  }

  public FakeAgent answers(String request, int status, String json) {
    return add(request, new Reply(status, "application/json", json, "", false));
  }

  /** Adds an answer with 429. */
  public FakeAgent isBusy(String request, String retryAfter) {
    String json = "{\"message\":\"another list is being put together\"}";
    return add(request, new Reply(429, "application/json", json, retryAfter, false));
  }

  /** Adds an answer with 503 that says how many seconds to wait. */
  public FakeAgent isUnavailable(String request, String retryAfter) {
    String json = "{\"message\":\"the index is being built\"}";
    return add(request, new Reply(503, "application/json", json, retryAfter, false));
  }

  /** Adds a stream of events, which then ends. */
  public FakeAgent streams(String request, String events) {
    return add(request, new Reply(200, "text/event-stream", events, "", false));
  }

  /** Adds a connection that breaks before any answer. */
  public FakeAgent breaks(String request) {
    return add(request, new Reply(0, "", "", "", true));
  }

  private synchronized FakeAgent add(String request, Reply reply) {
    replies.computeIfAbsent(request, _ -> new ArrayDeque<>()).add(reply);
    return this;
  }

  public synchronized List<Request> requests() {
    return List.copyOf(requests);
  }

  /** Returns the first lines of the requests. */
  public List<String> lines() {
    return requests().stream().map(Request::line).toList();
  }

  private void handle(HttpExchange exchange) throws IOException {
    Reply reply = take(exchange);
    if (reply.broken()) {
      throw new IOException("as the test wants it");
    }
    byte[] body = reply.body().getBytes(UTF_8);
    exchange.getResponseHeaders().set("Content-Type", reply.type());
    if (!reply.retryAfter().isEmpty()) {
      exchange.getResponseHeaders().set("Retry-After", reply.retryAfter());
    }
    exchange.sendResponseHeaders(reply.status(), 0);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  private synchronized Reply take(HttpExchange exchange) throws IOException {
    String line = exchange.getRequestMethod() + " " + exchange.getRequestURI();
    Map<String, String> headers = new HashMap<>();
    exchange.getRequestHeaders().forEach((name, values) -> headers.put(name, values.getFirst()));
    requests.add(
        new Request(
            line,
            Map.copyOf(headers),
            new String(exchange.getRequestBody().readAllBytes(), UTF_8)));
    Deque<Reply> left =
        Optional.ofNullable(replies.get(line))
            .or(() -> Optional.ofNullable(replies.get(line.replaceFirst("\\?.*", ""))))
            .orElseGet(ArrayDeque::new);
    return switch (left.size()) {
      case 0 -> new Reply(404, "application/json", "{\"message\":\"no " + line + "\"}", "", false);
      case 1 -> left.getFirst();
      default -> left.removeFirst();
    };
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
