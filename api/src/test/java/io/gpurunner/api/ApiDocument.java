package io.gpurunner.api;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.json.schema.Draft;
import io.vertx.json.schema.JsonSchema;
import io.vertx.json.schema.JsonSchemaOptions;
import io.vertx.json.schema.OutputFormat;
import io.vertx.json.schema.OutputUnit;
import io.vertx.json.schema.Validator;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/** The document that the server answers, as a validator reads it. Thread-safe. */
final class ApiDocument {
  private static final Pattern PARAMETER = Pattern.compile("\\{[^}]+}");

  private final JsonObject document = OpenApiDocument.read().body().toJsonObject();
  private final Map<String, Validator> validators = new ConcurrentHashMap<>();

  /** A path of the document, with a pattern that its requests match. */
  record Path(String template, Pattern pattern, JsonObject methods) {}

  /** An operation: a method of a path. */
  record Operation(Path path, String method, JsonObject fields) {
    String id() {
      return Objects.requireNonNull(fields.getString("operationId"));
    }
  }

  JsonObject root() {
    return document;
  }

  List<Path> paths() {
    JsonObject paths = document.getJsonObject("paths");
    return paths.fieldNames().stream()
        .map(template -> new Path(template, pattern(template), paths.getJsonObject(template)))
        .toList();
  }

  private static Pattern pattern(String template) {
    String[] literals = PARAMETER.split(template, -1);
    List<String> quoted = new ArrayList<>();
    for (String literal : literals) {
      quoted.add(Pattern.quote(literal));
    }
    return Pattern.compile(String.join("[^/]+", quoted));
  }

  List<Operation> operations() {
    return paths().stream()
        .flatMap(
            path ->
                path.methods().fieldNames().stream()
                    .map(
                        method ->
                            new Operation(path, method, path.methods().getJsonObject(method))))
        .toList();
  }

  /** Finds the path of a request. One without parameters comes before those with some. */
  Optional<Path> pathOf(String requested) {
    List<Path> matching =
        paths().stream().filter(path -> path.pattern().matcher(requested).matches()).toList();
    return matching.stream()
        .filter(path -> path.template().equals(requested))
        .findFirst()
        .or(() -> matching.stream().findFirst());
  }

  /** Follows a reference, if it is one. */
  JsonObject resolved(JsonObject part) {
    String reference = part.getString("$ref");
    if (reference == null) {
      return part;
    }
    JsonObject found = document;
    for (String name : reference.substring(2).split("/", -1)) {
      found = Objects.requireNonNull(found.getJsonObject(name), reference);
    }
    return found;
  }

  /** Returns what is wrong with a value; empty if it is as the schema says. */
  Optional<String> faults(JsonObject schema, Object value) {
    OutputUnit result =
        validators.computeIfAbsent(schema.encode(), _ -> validator(schema)).validate(value);
    return Boolean.TRUE.equals(result.getValid())
        ? Optional.empty()
        : Optional.of(
            result.getErrors().stream()
                .map(error -> error.getInstanceLocation() + ": " + error.getError())
                .distinct()
                .toList()
                .toString());
  }

  private Validator validator(JsonObject schema) {
    // The references in the schema are found in the same object. The library writes into it.
    JsonObject schemas = document.getJsonObject("components").getJsonObject("schemas").copy();
    JsonObject whole =
        new JsonObject()
            .put("components", new JsonObject().put("schemas", schemas))
            .put("allOf", new JsonArray().add(schema.copy()));
    return Validator.create(
        JsonSchema.of(whole),
        new JsonSchemaOptions()
            .setBaseUri("https://gpurunner.invalid/")
            .setDraft(Draft.DRAFT202012)
            .setOutputFormat(OutputFormat.Basic));
  }
}
