package io.gpurunner.api;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Reads {@code env}: an object of text, numbers and booleans, or that object as JSON text. */
final class EnvironmentField {
  private static final String FIELD = "env";
  private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_.-]*+");

  private final Fields fields;

  EnvironmentField(Fields fields) {
    this.fields = fields;
  }

  Map<String, String> read() {
    return fields.find(FIELD).map(this::read).orElse(Map.of());
  }

  /** Notes the variables that the agent sets itself and whose values in the job are ignored. */
  static void noteIgnored(Map<String, String> env, JobType type, List<String> notes) {
    List<String> ignored = AgentVariables.namesFor(type).stream().filter(env::containsKey).toList();
    if (!ignored.isEmpty()) {
      notes.add(
          "env: %s: the job's value was ignored, the agent sets its own"
              .formatted(String.join(", ", ignored)));
    }
  }

  private Map<String, String> read(JsonValue value) {
    return switch (value) {
      case JsonValue.Obj object -> variables(object);
      case JsonValue.Text(String text) when text.isBlank() -> Map.of();
      case JsonValue.Text(String text) -> {
        try {
          yield variables(JsonReader.object(text));
        } catch (MalformedJsonException e) {
          fields.refuse(
              FIELD, "must be an object, or an object as JSON text; the text " + e.reason());
          yield Map.of();
        }
      }
      case JsonValue.Numeric ignored -> refused(value);
      case JsonValue.Bool ignored -> refused(value);
      case JsonValue.Null ignored -> refused(value);
      case JsonValue.Arr ignored -> refused(value);
    };
  }

  private Map<String, String> refused(JsonValue value) {
    fields.refuse(FIELD, "an object of text, numbers and booleans, or that object as text", value);
    return Map.of();
  }

  private Map<String, String> variables(JsonValue.Obj object) {
    if (object.members().size() > JobRequestLimits.MAX_ENV_VARIABLES) {
      fields.refuse(
          FIELD,
          "must have at most %d variables, had %d"
              .formatted(JobRequestLimits.MAX_ENV_VARIABLES, object.members().size()));
      return Map.of();
    }
    Map<String, String> variables = new LinkedHashMap<>();
    long bytes = 0;
    for (Map.Entry<String, JsonValue> member : object.members().entrySet()) {
      String name = member.getKey();
      checkName(name);
      String value = value(name, member.getValue());
      variables.put(name, value);
      bytes += bytes(name) + bytes(value);
    }
    if (bytes > JobRequestLimits.MAX_ENV_BYTES) {
      fields.refuse(
          FIELD,
          ("must hold at most %d bytes in all names and values, held %d; put more into a file of"
                  + " the image or a dataset")
              .formatted(JobRequestLimits.MAX_ENV_BYTES, bytes));
    }
    return Collections.unmodifiableMap(variables);
  }

  private void checkName(String name) {
    if (name.length() > JobRequestLimits.MAX_ENV_NAME_CHARACTERS || !NAME.matcher(name).matches()) {
      fields.refuse(
          FIELD,
          "names must be a letter or _ and then letters, digits, _ . -, at most %d characters, was %s"
              .formatted(JobRequestLimits.MAX_ENV_NAME_CHARACTERS, Shown.quoted(name)));
    } else if (ReservedVariables.isReserved(name)) {
      fields.refuse(
          FIELD,
          name
              + " cannot be set by a job: the agent decides which GPUs a job sees (ask with gpuNumber and"
              + " gpuType); remove it");
    }
  }

  /** Returns the variable's text. Numbers are kept as they were written. */
  private String value(String name, JsonValue value) {
    String text =
        switch (value) {
          case JsonValue.Text(String content) -> content;
          case JsonValue.Numeric(String literal, boolean ignored) -> literal;
          case JsonValue.Bool(boolean content) -> Boolean.toString(content);
          case JsonValue.Null ignored -> refusedValue(name, value);
          case JsonValue.Obj ignored -> refusedValue(name, value);
          case JsonValue.Arr ignored -> refusedValue(name, value);
        };
    if (text.indexOf('\0') >= 0) {
      fields.refuse(FIELD, "%s must not hold a NUL character".formatted(Shown.quoted(name)));
    }
    if (bytes(text) > JobRequestLimits.MAX_ENV_VALUE_BYTES) {
      fields.refuse(
          FIELD,
          "%s must be at most %d bytes, was %d"
              .formatted(Shown.quoted(name), JobRequestLimits.MAX_ENV_VALUE_BYTES, bytes(text)));
    }
    return text;
  }

  private String refusedValue(String name, JsonValue value) {
    fields.refuse(
        FIELD,
        "%s must be text, a number, true or false, was %s"
            .formatted(Shown.quoted(name), value.shown()));
    return "";
  }

  private static int bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }
}
