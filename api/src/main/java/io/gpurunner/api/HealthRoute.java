package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Map;
import java.util.stream.Collectors;

/** The routes {@code /health/live} and {@code /health/ready}. Thread-safe. */
final class HealthRoute {
  private static final int MAX_MESSAGE_CHARACTERS = 500;

  private static final int STATUS_NOT_READY =
      ErrorAnswers.status(RequestRefusedException.Kind.UNAVAILABLE);

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

  /**
   * Answers 200 or 503, and for each part whether it is ready. It says nothing about the machine,
   * because any client that reaches the port may ask.
   */
  Answer ready() {
    return answer(health.report(), false);
  }

  /** Answers as {@link #ready} does, with what was seen of each part, and with the warnings. */
  Answer readyInFull() {
    return answer(health.report(), true);
  }

  private Answer answer(Health.Report report, boolean full) {
    JsonObject body = report.ready() ? new JsonObject() : notReady(report, full);
    JsonArray parts = new JsonArray();
    report.parts().forEach(part -> parts.add(json(part, full)));
    body.put("ready", report.ready()).put("parts", parts);
    if (full) {
      body.put(
          "warnings", new JsonArray(report.warnings().stream().map(HealthRoute::shown).toList()));
    }
    return report.ready()
        ? Answer.ok(body)
        : new Answer(
            STATUS_NOT_READY,
            Map.of("Retry-After", Long.toString(ApiLimits.RETRY_AFTER.toSeconds())),
            body.toBuffer());
  }

  /** Returns the error body that names the parts that are not ready. */
  private JsonObject notReady(Health.Report report, boolean full) {
    String missing =
        report.parts().stream()
            .filter(part -> !part.ok())
            .map(part -> full ? part.name() + ": " + shown(part.message()) : part.name())
            .collect(Collectors.joining(full ? "; " : ", "));
    return errors.body(STATUS_NOT_READY, "not ready: " + missing);
  }

  private static JsonObject json(Health.Part part, boolean full) {
    JsonObject json = new JsonObject().put("name", part.name()).put("ok", part.ok());
    return full ? json.put("message", shown(part.message())) : json;
  }

  private static String shown(String message) {
    return Shown.plain(message, MAX_MESSAGE_CHARACTERS);
  }
}
