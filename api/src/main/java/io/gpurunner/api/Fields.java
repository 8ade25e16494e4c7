package io.gpurunner.api;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * The members of a request's JSON object. Callers read them one by one, and every error is
 * collected. JSON null counts as absent. Not thread-safe.
 */
final class Fields {
  /**
   * A whole number in text: ASCII digits, with a minus sign or without. No blanks, no fraction, no
   * exponent.
   */
  private static final Pattern WHOLE_NUMBER = Pattern.compile("-?[0-9]+");

  /** The longest text of digits that always fits a long. */
  private static final int MAX_DIGITS = 18;

  /** What the second generation of the cloud's API calls fields of the first. */
  private static final Map<String, String> SECOND_SPELLINGS =
      Map.of(
          "modelPath", "created_model_path",
          "modelVol", "created_model_vol",
          "datasetPath", "dataset_path",
          "pretrainedModelPath", "model_path");

  private final Map<String, JsonValue> members;
  private final List<FieldError> errors = new ArrayList<>();

  Fields(JsonValue.Obj object) {
    this.members = object.members();
  }

  List<FieldError> errors() {
    return List.copyOf(errors);
  }

  /** Finds a field, by its second spelling where the first is not sent, or is blank. */
  Optional<JsonValue> find(String field) {
    return present(sentAs(field));
  }

  /** Returns the value of a field. A blank text counts as absent. */
  Optional<JsonValue> findFilled(String field) {
    return find(field).filter(value -> !value.isBlank());
  }

  private Optional<JsonValue> present(String key) {
    return Optional.ofNullable(members.get(key)).filter(v -> !(v instanceof JsonValue.Null));
  }

  /** Returns the key that the client sent for a field, which an error names. */
  private String sentAs(String field) {
    return Optional.ofNullable(SECOND_SPELLINGS.get(field))
        .filter(_ -> present(field).filter(value -> !value.isBlank()).isEmpty())
        .filter(second -> present(second).isPresent())
        .orElse(field);
  }

  Optional<JsonValue> required(String field) {
    Optional<JsonValue> value = find(field);
    if (value.isEmpty()) {
      refuse(field, "is required");
    }
    return value;
  }

  void refuse(String field, String message) {
    errors.add(new FieldError(sentAs(field), message));
  }

  /** Refuses the field with "must be …, was …". */
  void refuse(String field, String accepted, JsonValue was) {
    refuse(field, "must be " + accepted + ", was " + was.shown());
  }

  /** Reads a required text without control characters. */
  Optional<String> requiredText(String field, String what, int maxCharacters) {
    return required(field).flatMap(value -> text(field, what, maxCharacters, value));
  }

  /** Reads an optional text without control characters. A blank text counts as absent. */
  Optional<String> optionalText(String field, String what, int maxCharacters) {
    return find(field)
        .flatMap(value -> text(field, what, maxCharacters, value))
        .filter(text -> !text.isBlank());
  }

  Optional<String> text(String field, String what, int maxCharacters, JsonValue value) {
    if (!(value instanceof JsonValue.Text(String text))) {
      refuse(field, what, value);
      return Optional.empty();
    }
    if (text.length() > maxCharacters) {
      refuse(
          field,
          "must be " + what + " of at most " + maxCharacters + " characters, had " + text.length());
      return Optional.empty();
    }
    if (text.chars().anyMatch(Character::isISOControl)) {
      refuse(field, what + " without control characters", value);
      return Optional.empty();
    }
    return Optional.of(text);
  }

  OptionalLong requiredNumber(String field, String unit, long min, long max) {
    return requiredNumber(field, unit, min, max, range(min, max));
  }

  /**
   * @param range what follows the unit in a refusal, for example {@code " from 1 to 9"}
   */
  OptionalLong requiredNumber(String field, String unit, long min, long max, String range) {
    return required(field)
        .map(value -> number(field, unit, min, max, range, value))
        .orElse(OptionalLong.empty());
  }

  OptionalLong optionalNumber(String field, String unit, long min, long max) {
    return find(field)
        .map(value -> number(field, unit, min, max, range(min, max), value))
        .orElse(OptionalLong.empty());
  }

  /** Returns the digits of a number such as {@code 1.0} or {@code 1e3}; empty where it is none. */
  private static Optional<String> withoutFraction(String literal) {
    try {
      BigDecimal number = new BigDecimal(literal).stripTrailingZeros();
      boolean isShort = number.precision() - (long) number.scale() <= MAX_DIGITS;
      return number.scale() <= 0 && isShort
          ? Optional.of(number.toBigInteger().toString())
          : Optional.empty();
    } catch (NumberFormatException tooLargeAnExponent) {
      return Optional.empty();
    }
  }

  private static String range(long min, long max) {
    return " from " + min + " to " + max;
  }

  /**
   * Reads a whole number, from a JSON number or a text.
   *
   * @param unit what follows "a whole number", for example {@code " of MB"}, or nothing
   */
  private OptionalLong number(
      String field, String unit, long min, long max, String range, JsonValue value) {
    Optional<String> digits =
        switch (value) {
          case JsonValue.Text(String text) when WHOLE_NUMBER.matcher(text).matches() ->
              Optional.of(text);
          case JsonValue.Numeric(String literal, boolean whole) ->
              whole ? Optional.of(literal) : withoutFraction(literal);
          case JsonValue.Text ignored -> Optional.empty();
          case JsonValue.Bool ignored -> Optional.empty();
          case JsonValue.Null ignored -> Optional.empty();
          case JsonValue.Obj ignored -> Optional.empty();
          case JsonValue.Arr ignored -> Optional.empty();
        };
    if (digits.isEmpty()) {
      refuse(field, "a whole number" + unit, value);
      return OptionalLong.empty();
    }
    if (digits.get().length() <= MAX_DIGITS) {
      long number = Long.parseLong(digits.get());
      if (number >= min && number <= max) {
        return OptionalLong.of(number);
      }
    }
    refuse(field, "a whole number" + unit + range, value);
    return OptionalLong.empty();
  }
}
