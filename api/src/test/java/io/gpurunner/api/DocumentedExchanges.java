package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.Json;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLDecoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.Flow;

/**
 * Compares the requests and answers of tests with the document of the API, and records which
 * operation each was of. {@code dev/check-exchanges} counts them after all tests. Thread-safe.
 */
public final class DocumentedExchanges {
  /** One file for each JVM, because tests run in several. */
  private static final Path RECORD =
      Path.of("target", "api-exchanges", Long.toString(ProcessHandle.current().pid()));

  private static final ApiDocument DOCUMENT = new ApiDocument();

  /** What the test says about its exchanges. */
  private enum Kind {
    ALL_DOCUMENTED,
    WRONG_PATHS,
    MADE_UP_ANSWERS
  }

  private final Kind kind;

  private DocumentedExchanges(Kind kind) {
    this.kind = kind;
  }

  /** Returns an instance for tests that use the API as the document says. */
  public static DocumentedExchanges ofTheDocument() {
    return new DocumentedExchanges(Kind.ALL_DOCUMENTED);
  }

  /** Returns an instance for a test that also sends paths that are not in the document. */
  public static DocumentedExchanges withWrongPaths() {
    return new DocumentedExchanges(Kind.WRONG_PATHS);
  }

  /** Returns an instance for a test whose fakes give answers that the agent never gives. */
  static DocumentedExchanges withMadeUpAnswers() {
    return new DocumentedExchanges(Kind.MADE_UP_ANSWERS);
  }

  /**
   * Checks an exchange.
   *
   * @param body the answer's body
   * @throws AssertionError naming what the document does not have
   */
  public void check(HttpRequest request, HttpResponse<?> response, Buffer body) {
    String what =
        "%s %s -> %d".formatted(request.method(), request.uri().getPath(), response.statusCode());
    try {
      check(what, request, response, body);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void check(String what, HttpRequest request, HttpResponse<?> response, Buffer body)
      throws IOException {
    if (kind == Kind.MADE_UP_ANSWERS) {
      return;
    }
    Optional<ApiDocument.Path> path = DOCUMENT.pathOf(request.uri().getRawPath());
    if (path.isEmpty()) {
      if (kind != Kind.WRONG_PATHS) {
        throw new AssertionError(what + ": the path is not in openapi.json");
      }
      return;
    }
    String method =
        request.method().equals("HEAD")
            ? "get"
            : request.method().toLowerCase(java.util.Locale.ROOT);
    JsonObject operation = path.get().methods().getJsonObject(method);
    if (operation == null) {
      requireError(what, response, body);
      return;
    }
    JsonObject answers = operation.getJsonObject("responses");
    JsonObject answer = answers.getJsonObject(Integer.toString(response.statusCode()));
    if (answer == null) {
      throw new AssertionError(what + ": the status is not in openapi.json: " + body);
    }
    checkAnswer(what, request, DOCUMENT.resolved(answer), response, body);
    if (response.statusCode() < 400) {
      checkRequest(what, operation, request);
    }
    record(operation.getString("operationId"), response.statusCode());
  }

  /** The path has no such method. */
  private static void requireError(String what, HttpResponse<?> response, Buffer body) {
    boolean isRefused = response.statusCode() == 405 || response.statusCode() == 401;
    if (!isRefused) {
      throw new AssertionError(what + ": the method is not in openapi.json");
    }
    requireValid(
        what, new JsonObject().put("$ref", "#/components/schemas/Error"), body.toJsonObject());
  }

  private static void checkAnswer(
      String what, HttpRequest request, JsonObject answer, HttpResponse<?> response, Buffer body) {
    for (var header : answer.getJsonObject("headers", new JsonObject())) {
      JsonObject fields = DOCUMENT.resolved((JsonObject) header.getValue());
      boolean isAbsent = response.headers().firstValue(header.getKey()).isEmpty();
      if (isAbsent && Boolean.TRUE.equals(fields.getBoolean("required"))) {
        throw new AssertionError(what + ": lacks the header " + header.getKey());
      }
    }
    JsonObject content = answer.getJsonObject("content", new JsonObject());
    String type =
        response.headers().firstValue("Content-Type").orElse("none").replaceAll(";.*", "").strip();
    JsonObject form = content.getJsonObject(type, content.getJsonObject("*/*"));
    if (form == null) {
      throw new AssertionError(what + ": the content type is not in openapi.json: " + type);
    }
    if (type.equals("application/json") && !request.method().equals("HEAD") && form.size() > 0) {
      requireValid(what, form.getJsonObject("schema"), Json.decodeValue(body));
    }
  }

  private static void requireValid(String what, JsonObject schema, Object value) {
    DOCUMENT
        .faults(schema, value)
        .ifPresent(
            faults -> {
              throw new AssertionError(
                  what + ": is not as openapi.json says: " + faults + " in " + value);
            });
  }

  private static void checkRequest(String what, JsonObject operation, HttpRequest request) {
    JsonObject body = operation.getJsonObject("requestBody");
    if (body != null) {
      checkBody(what + " (request)", body.getJsonObject("content"), request);
    }
    for (Object one : operation.getJsonArray("parameters", new io.vertx.core.json.JsonArray())) {
      JsonObject parameter = DOCUMENT.resolved((JsonObject) one);
      if (parameter.getString("in").equals("query")) {
        query(request.uri(), parameter.getString("name"))
            .ifPresent(
                text ->
                    requireValid(
                        what + " (" + parameter.getString("name") + ")",
                        parameter.getJsonObject("schema"),
                        "integer".equals(parameter.getJsonObject("schema").getString("type"))
                            ? Long.valueOf(text)
                            : text));
      }
    }
  }

  private static Optional<String> query(URI uri, String name) {
    for (String one : Optional.ofNullable(uri.getRawQuery()).orElse("").split("&", -1)) {
      if (one.startsWith(name + "=")) {
        return Optional.of(
            URLDecoder.decode(one.substring(name.length() + 1), StandardCharsets.UTF_8));
      }
    }
    return Optional.empty();
  }

  /** A body is read as JSON whatever its type says; what is no JSON is a form. */
  private static void checkBody(String what, JsonObject content, HttpRequest request) {
    Buffer sent = bodyOf(request);
    Object json;
    try {
      json = Json.decodeValue(sent);
    } catch (DecodeException noJson) {
      String type =
          request
              .headers()
              .firstValue(HttpHeaders.CONTENT_TYPE.toString())
              .orElse("none")
              .replaceAll(";.*", "")
              .strip();
      boolean isEncoded = request.headers().firstValue("Content-Encoding").isPresent();
      if (!isEncoded && !content.containsKey(type)) {
        throw new AssertionError(what + ": the content type is not in openapi.json: " + type);
      }
      return;
    }
    requireValid(what, content.getJsonObject("application/json").getJsonObject("schema"), json);
  }

  private static Buffer bodyOf(HttpRequest request) {
    Buffer body = Buffer.buffer();
    request
        .bodyPublisher()
        .ifPresent(
            publisher ->
                publisher.subscribe(
                    new Flow.Subscriber<ByteBuffer>() {
                      @Override
                      public void onSubscribe(Flow.Subscription subscription) {
                        subscription.request(Long.MAX_VALUE);
                      }

                      @Override
                      public void onNext(ByteBuffer part) {
                        byte[] bytes = new byte[part.remaining()];
                        part.get(bytes);
                        body.appendBytes(bytes);
                      }

                      @Override
                      public void onError(Throwable failure) {
                        throw new AssertionError("a body of a test cannot be read", failure);
                      }

                      @Override
                      public void onComplete() {
                        // The bytes are there: these publishers work on the thread that asks.
                      }
                    }));
    return body;
  }

  private static synchronized void record(String operation, int status) throws IOException {
    Files.createDirectories(RECORD.getParent());
    Files.writeString(
        RECORD,
        operation + " " + status + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }
}
