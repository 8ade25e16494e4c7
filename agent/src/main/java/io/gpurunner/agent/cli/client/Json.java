package io.gpurunner.agent.cli.client;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Reads and writes JSON. It does without Jackson's ObjectMapper, whose set-up takes a tenth of a
 * second of each command. A field that is absent or has another type is empty. Stateless.
 */
public final class Json {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /** Holds it lazily, because not every command needs it. */
  private static final class Factory {
    private static final JsonFactory INSTANCE = new JsonFactory();
  }

  private Json() {}

  /** Returns an object without fields. */
  public static ObjectNode object() {
    return NODES.objectNode();
  }

  /** Parses a text. It is empty if the text is no JSON. */
  public static Optional<JsonNode> parse(String text) {
    try (JsonParser parser = Factory.INSTANCE.createParser(text)) {
      if (parser.nextToken() == null) {
        return Optional.empty();
      }
      JsonNode value = value(parser);
      return parser.nextToken() == null ? Optional.of(value) : Optional.empty();
    } catch (JsonProcessingException notJson) {
      return Optional.empty();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible); // a text is no file
    }
  }

  /** The depth of the recursion is limited by Jackson's StreamReadConstraints. */
  private static JsonNode value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> {
        ObjectNode object = NODES.objectNode();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = parser.currentName();
          parser.nextToken();
          object.set(key, value(parser));
        }
        yield object;
      }
      case START_ARRAY -> {
        ArrayNode array = NODES.arrayNode();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          array.add(value(parser));
        }
        yield array;
      }
      case VALUE_NUMBER_INT -> NODES.numberNode(parser.getLongValue());
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(parser.getDecimalValue());
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NULL -> NODES.nullNode();
      case VALUE_STRING, FIELD_NAME, END_OBJECT, END_ARRAY, NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT ->
          NODES.textNode(parser.getText());
    };
  }

  /** Writes an object of texts, numbers, booleans and objects in one line. */
  public static String write(ObjectNode object) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = Factory.INSTANCE.createGenerator(text)) {
      write(object, generator);
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible); // a text is no file
    }
    return text.toString();
  }

  private static void write(ObjectNode object, JsonGenerator generator) throws IOException {
    generator.writeStartObject();
    for (Map.Entry<String, JsonNode> member : object.properties()) {
      generator.writeFieldName(member.getKey());
      switch (member.getValue()) {
        case ObjectNode inner -> write(inner, generator);
        case JsonNode number when number.isNumber() -> generator.writeNumber(number.longValue());
        case JsonNode bool when bool.isBoolean() -> generator.writeBoolean(bool.booleanValue());
        case JsonNode text -> generator.writeString(text.asText());
      }
    }
    generator.writeEndObject();
  }

  public static Optional<String> text(JsonNode object, String key) {
    return Optional.ofNullable(object.get(key)).filter(JsonNode::isTextual).map(JsonNode::asText);
  }

  public static OptionalLong number(JsonNode object, String key) {
    return Optional.ofNullable(object.get(key))
        .filter(JsonNode::isNumber)
        .map(value -> OptionalLong.of(value.asLong()))
        .orElse(OptionalLong.empty());
  }

  public static Optional<Instant> time(JsonNode object, String key) {
    try {
      return text(object, key).map(Instant::parse);
    } catch (DateTimeParseException noTime) {
      return Optional.empty();
    }
  }

  public static boolean isTrue(JsonNode object, String key) {
    return Optional.ofNullable(object.get(key)).filter(JsonNode::asBoolean).isPresent();
  }

  /** Returns the items of a list. */
  public static List<JsonNode> items(JsonNode object, String key) {
    return Optional.ofNullable(object.get(key))
        .filter(JsonNode::isArray)
        .map(list -> list.valueStream().toList())
        .orElse(List.of());
  }

  /** Returns the texts of a list. */
  public static List<String> texts(JsonNode object, String key) {
    return items(object, key).stream().map(JsonNode::asText).toList();
  }
}
