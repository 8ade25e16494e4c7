package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Limits the open connections: their number, and the time that one may take to send a request's
 * head. An idle timeout alone would not be enough, because a client can send a byte now and then.
 * Not thread-safe: belongs to the server's event loop.
 */
final class Connections {
  /** The number of checks in one wait. A connection is closed at most one interval late. */
  private static final int CHECKS_A_WAIT = 4;

  private final int limit;
  private final long waitNanos;
  private final Map<HttpConnection, Line> open = new HashMap<>();
  private final long timer;

  private static final class Line {
    private int requests;
    private long quietSinceNanos = System.nanoTime();
  }

  Connections(Vertx vertx, int limit, Duration nextRequest) {
    this.limit = limit;
    this.waitNanos = nextRequest.toNanos();
    this.timer =
        vertx.setPeriodic(
            Math.max(1, nextRequest.toMillis() / CHECKS_A_WAIT), id -> closeTheSlow());
  }

  void opened(HttpConnection connection) {
    if (open.size() >= limit) {
      connection.close();
      return;
    }
    open.put(connection, new Line());
    connection.closeHandler(closed -> open.remove(connection));
  }

  void requestBegan(HttpConnection connection) {
    Line line = open.get(connection);
    if (line != null) {
      line.requests++;
    }
  }

  void requestEnded(HttpConnection connection) {
    Line line = open.get(connection);
    if (line != null) {
      line.requests--;
      line.quietSinceNanos = System.nanoTime();
    }
  }

  void stop(Vertx vertx) {
    vertx.cancelTimer(timer);
  }

  private void closeTheSlow() {
    long now = System.nanoTime();
    List<HttpConnection> slow =
        open.entrySet().stream()
            .filter(entry -> entry.getValue().requests == 0)
            .filter(entry -> now - entry.getValue().quietSinceNanos > waitNanos)
            .map(Map.Entry::getKey)
            .toList();
    slow.forEach(HttpConnection::close);
  }
}
