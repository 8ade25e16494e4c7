package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import io.gpurunner.agent.cli.terminal.GpuTypes;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A GPU as it is drawn.
 *
 * @param index its index; a dash if the driver does not list it
 * @param uuid what it is known by
 * @param type the part of its type that tells it apart
 * @param state what can be done with it, in a word
 * @param suspect whether something was seen on it that needs no action
 * @param reason why no job can get it
 * @param user whose job holds it
 * @param job the beginning of the id of that job
 */
record Gpu(
    String index,
    String uuid,
    String type,
    String state,
    boolean suspect,
    Optional<String> reason,
    Optional<String> user,
    Optional<String> job,
    Map<Figure, Figure.Reading> readings) {
  private static final int SHORT_ID_LENGTH = 10;

  Gpu {
    readings = Map.copyOf(readings);
  }

  /** Reads an item of {@code GET /api/gpus}. */
  static Gpu of(JsonNode json) {
    OptionalLong index = Json.number(json, "index");
    Map<Figure, Figure.Reading> readings = new EnumMap<>(Figure.class);
    for (Figure figure : Figure.values()) {
      readings.put(figure, figure.of(json));
    }
    return new Gpu(
        index.isPresent() ? Long.toString(index.getAsLong()) : "-",
        Json.text(json, "uuid").orElse("?"),
        GpuTypes.brief(Json.text(json, "gpuProd").orElse("?")),
        Json.text(json, "state").orElse("?"),
        json.has("suspect"),
        Json.text(json, "reason"),
        Json.text(json, "user"),
        Json.text(json, "job_id")
            .map(id -> id.substring(0, Math.min(SHORT_ID_LENGTH, id.length()))),
        readings);
  }

  Figure.Reading reading(Figure figure) {
    return readings.getOrDefault(figure, Figure.Reading.UNKNOWN);
  }

  String stateWord() {
    return suspect ? state + ", suspect" : state;
  }

  Ink ink() {
    if (suspect) {
      return Ink.YELLOW;
    }
    return switch (state) {
      case "free" -> Ink.GREEN;
      case "leased" -> Ink.CYAN;
      default -> Ink.RED;
    };
  }
}
