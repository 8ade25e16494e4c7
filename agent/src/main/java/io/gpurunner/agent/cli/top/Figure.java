package io.gpurunner.agent.cli.top;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpurunner.agent.cli.client.Json;
import java.util.Optional;
import java.util.OptionalLong;

/** A figure of a GPU that is drawn as a bar. */
enum Figure {
  USE("use", "USE", 5) {
    @Override
    Reading of(JsonNode gpu) {
      OptionalLong percent = Json.number(gpu, "utilizationPercent");
      return percent.isPresent()
          ? new Reading(share(percent.getAsLong(), 100), percent.getAsLong() + " %")
          : Reading.UNKNOWN;
    }
  },
  MEMORY("mem", "MEMORY", 10) {
    @Override
    Reading of(JsonNode gpu) {
      OptionalLong used = Json.number(gpu, "memoryUsedMegabytes");
      OptionalLong whole = Json.number(gpu, "memoryMegabytes");
      if (whole.isEmpty()) {
        return Reading.UNKNOWN;
      }
      String size = "/" + whole.getAsLong() / 1000 + " GB";
      return used.isPresent()
          ? new Reading(share(used.getAsLong(), whole.getAsLong()), used.getAsLong() / 1000 + size)
          : new Reading(Optional.empty(), "?" + size);
    }
  },
  POWER("pow", "POWER", 9) {
    @Override
    Reading of(JsonNode gpu) {
      OptionalLong drawn = Json.number(gpu, "powerMilliwatts");
      OptionalLong limit = Json.number(gpu, "powerLimitMilliwatts");
      if (drawn.isEmpty()) {
        return Reading.UNKNOWN;
      }
      long watts = drawn.getAsLong() / 1000;
      return limit.isPresent()
          ? new Reading(
              share(drawn.getAsLong(), limit.getAsLong()),
              watts + "/" + limit.getAsLong() / 1000 + " W")
          : new Reading(Optional.empty(), watts + " W");
    }
  },
  /** Its bar is full at 100 °C, above which no GPU of today works. */
  TEMPERATURE("temp", "TEMP", 6) {
    @Override
    Reading of(JsonNode gpu) {
      OptionalLong celsius = Json.number(gpu, "temperatureCelsius");
      return celsius.isPresent()
          ? new Reading(share(celsius.getAsLong(), 100), celsius.getAsLong() + " °C")
          : Reading.UNKNOWN;
    }
  };

  private final String label;
  private final String heading;
  private final int columns;

  Figure(String label, String heading, int columns) {
    this.label = label;
    this.heading = heading;
    this.columns = columns;
  }

  /**
   * The value of a figure.
   *
   * @param share its part of the most it can be, 0 to 1; empty if it is not known
   * @param words the value with its unit; a dash if it is not known, and never 0
   */
  record Reading(Optional<Double> share, String words) {
    static final Reading UNKNOWN = new Reading(Optional.empty(), "-");
  }

  /** Reads the figure from an item of {@code GET /api/gpus}. */
  abstract Reading of(JsonNode gpu);

  String label() {
    return label;
  }

  String heading() {
    return heading;
  }

  /** Returns how many columns its words take. */
  int columns() {
    return columns;
  }

  private static Optional<Double> share(long part, long whole) {
    return whole <= 0 ? Optional.empty() : Optional.of(Math.clamp((double) part / whole, 0.0, 1.0));
  }
}
