package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.stream.Collectors;

/** The routes {@code /health/live} and {@code /health/ready}. Thread-safe. */
final class HealthRoute {
  private static final int MAX_MESSAGE_CHARACTERS = 500;

  private final Health health;
  private final ErrorAnswers errors;

  HealthRoute(Health health, ErrorAnswers errors) {
    this.health = health;
    this.errors = errors;
  }

  /** Answers 200. This proves only that the event loop runs. */
  Answer live() {
    return Answer.ok(new JsonObject().put("live", true));
  }

  /** Answers 200, or 503 with the parts that are not ready in the error body's message. */
  Answer ready() {
    Health.Report report = health.report();
    JsonArray parts = new JsonArray();
    report.parts().forEach(part -> parts.add(json(part)));
    if (report.ready()) {
      return Answer.ok(new JsonObject().put("ready", true).put("parts", parts));
    }
    String missing =
        report.parts().stream()
            .filter(part -> !part.ok())
            .map(part -> part.name() + ": " + shown(part.message()))
            .collect(Collectors.joining("; "));
    int status = ErrorAnswers.status(RequestRefusedException.Kind.UNAVAILABLE);
    return new Answer(
        status,
        Map.of("Retry-After", Long.toString(ApiLimits.RETRY_AFTER.toSeconds())),
        errors
            .body(status, "not ready: " + missing)
            .put("ready", false)
            .put("parts", parts)
            .toBuffer());
  }

  private static JsonObject json(Health.Part part) {
    return new JsonObject()
        .put("name", part.name())
        .put("ok", part.ok())
        .put("message", shown(part.message()));
  }

  private static String shown(String message) {
    return Shown.plain(message, MAX_MESSAGE_CHARACTERS);
  }
}
