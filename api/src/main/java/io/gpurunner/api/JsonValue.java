package io.gpurunner.api;

import java.util.List;
import java.util.Map;

/** A JSON value as it was written; numbers keep their literal. Immutable. */
sealed interface JsonValue {
  record Text(String value) implements JsonValue {}

  /**
   * @param literal as written
   * @param whole whether it has neither a fraction nor an exponent
   */
  record Numeric(String literal, boolean whole) implements JsonValue {}

  record Bool(boolean value) implements JsonValue {}

  record Null() implements JsonValue {}

  record Obj(Map<String, JsonValue> members) implements JsonValue {}

  record Arr(List<JsonValue> items) implements JsonValue {}

  /** Returns whether this is a text without a visible character. */
  default boolean isBlank() {
    return this instanceof Text(String value) && value.isBlank();
  }

  /** Returns the value for an error message, a text in quotes. */
  default String shown() {
    return switch (this) {
      case Text(String value) -> Shown.quoted(value);
      case Numeric(String literal, boolean ignored) -> Shown.plain(literal, 40);
      case Bool(boolean value) -> Boolean.toString(value);
      case Null() -> "null";
      case Obj ignored -> "an object";
      case Arr ignored -> "a list";
    };
  }
}
