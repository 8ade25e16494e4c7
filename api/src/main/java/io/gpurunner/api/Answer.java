package io.gpurunner.api;

import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;

/**
 * An answer to a request. It is JSON unless its headers say otherwise. Immutable.
 *
 * @param sent runs once the body is on its way to the client, or the client has gone
 */
record Answer(int status, Map<String, String> headers, Buffer body, Runnable sent) {
  private static final CharSequence JSON = HttpHeaders.createOptimized("application/json");
  private static final CharSequence NO_STORE = HttpHeaders.createOptimized("no-store");

  Answer(int status, Map<String, String> headers, Buffer body) {
    this(status, headers, body, () -> {});
  }

  static Answer ok(JsonObject body) {
    return new Answer(200, Map.of(), body.toBuffer());
  }

  static Answer ok(JsonArray body) {
    return new Answer(200, Map.of(), body.toBuffer());
  }

  /**
   * Sends the answer, unless the client has gone or has got an answer already. Runs on the event
   * loop.
   */
  void send(HttpServerRequest request) {
    HttpServerResponse response = request.response();
    if (response.ended() || response.closed() || response.headWritten()) {
      sent.run();
      return;
    }
    response
        .setStatusCode(status)
        .putHeader(HttpHeaders.CONTENT_TYPE, JSON)
        // Answers hold signed URLs.
        .putHeader(HttpHeaders.CACHE_CONTROL, NO_STORE);
    headers.forEach(response::putHeader);
    Future<Void> end =
        request.method().equals(HttpMethod.HEAD)
            ? response.putHeader(HttpHeaders.CONTENT_LENGTH, Integer.toString(body.length())).end()
            : response.end(body);
    end.onComplete(_ -> sent.run());
  }
}
