package io.gpurunner.api;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.util.JsonRecyclerPools;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads strict JSON (RFC 8259) within {@link ApiLimits}: no comments, no trailing text, no key
 * twice, no broken UTF-8, no half surrogate pairs. An instance reads one text.
 *
 * <p>Jackson's own tree is not used, because it does not keep a number as it was written. A job's
 * variable {@code 1e-5} would become {@code 0.00001}, and {@code -0} would become {@code 0}.
 */
final class JsonReader {
  private static final char BYTE_ORDER_MARK = '\uFEFF';

  /** The number of characters on either side of a fault that a message shows. */
  private static final int SHOWN_AROUND_FAULT = 10;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              // The limits of ApiLimits are checked first, and are reported in this API's words.
              StreamReadConstraints.builder()
                  .maxNestingDepth(ApiLimits.MAX_JSON_DEPTH + 1)
                  .maxNumberLength(ApiLimits.MAX_BODY_BYTES)
                  .maxNameLength(ApiLimits.MAX_BODY_BYTES)
                  .maxStringLength(ApiLimits.MAX_BODY_BYTES)
                  .maxDocumentLength(ApiLimits.MAX_BODY_BYTES)
                  .build())
          // Keys come from clients, who could fill a cache that lives as long as the process.
          .configure(JsonFactory.Feature.INTERN_FIELD_NAMES, false)
          .configure(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES, false)
          // Jackson's usual pool keeps buffers for each thread, and each request has a new thread.
          .recyclerPool(JsonRecyclerPools.sharedConcurrentDequePool())
          .build();

  private final JsonParser parser;
  private int values;

  private JsonReader(JsonParser parser) {
    this.parser = parser;
  }

  /**
   * Returns the text of a body. It is always read as UTF-8, and headers are ignored. A UTF-8 byte
   * order mark, which some Windows tools write, is dropped.
   */
  static String text(byte[] body) throws MalformedJsonException {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
    } catch (CharacterCodingException e) {
      throw new MalformedJsonException("must be JSON in UTF-8, was not valid UTF-8", e);
    }
    return !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
  }

  /** Returns the JSON object that the text consists of. */
  static JsonValue.Obj object(String text) throws MalformedJsonException {
    if (text.isBlank()) {
      throw new MalformedJsonException("must be a JSON object, was empty");
    }
    try (JsonParser parser = FACTORY.createParser(text)) {
      JsonReader reader = new JsonReader(parser);
      parser.nextToken();
      JsonValue value = reader.value();
      if (parser.nextToken() != null) {
        throw new MalformedJsonException(
            "must be one JSON object and nothing after it, was followed by more at "
                + place(parser));
      }
      if (value instanceof JsonValue.Obj object) {
        return object;
      }
      throw new MalformedJsonException("must be a JSON object, was " + value.shown());
    } catch (JsonProcessingException e) {
      throw new MalformedJsonException(words(text, e), e);
    } catch (IOException e) {
      throw new MalformedJsonException("must be JSON, could not be read", e);
    }
  }

  /** Returns what is wrong, without the terms of Jackson's parser. */
  private static String words(String text, JsonProcessingException failure) {
    if (failure instanceof JsonEOFException) {
      return "must be JSON, ended too early: a brace, bracket or quote is not closed";
    }
    JsonLocation at = failure.getLocation();
    if (at == null) {
      return "must be JSON, was not";
    }
    int fault = (int) Math.clamp(at.getCharOffset(), 0L, text.length());
    String around =
        text.substring(
            Math.max(0, fault - SHOWN_AROUND_FAULT),
            Math.min(text.length(), fault + SHOWN_AROUND_FAULT));
    return "must be JSON, was not at %s, near %s".formatted(place(at), Shown.quoted(around));
  }

  /**
   * Reads the value whose first token is the current one. The recursion ends at {@code
   * MAX_JSON_DEPTH}.
   */
  private JsonValue value() throws IOException, MalformedJsonException {
    if (++values > ApiLimits.MAX_JSON_VALUES) {
      throw new MalformedJsonException(
          "must hold at most " + ApiLimits.MAX_JSON_VALUES + " values, had more");
    }
    JsonToken token = parser.currentToken();
    if (token == null) {
      throw new MalformedJsonException("must be a JSON object, was empty");
    }
    return switch (token) {
      case START_OBJECT -> members();
      case START_ARRAY -> items();
      case VALUE_STRING -> new JsonValue.Text(whole(parser.getText()));
      case VALUE_NUMBER_INT -> new JsonValue.Numeric(number(parser.getText()), true);
      case VALUE_NUMBER_FLOAT -> new JsonValue.Numeric(number(parser.getText()), false);
      case VALUE_TRUE -> new JsonValue.Bool(true);
      case VALUE_FALSE -> new JsonValue.Bool(false);
      case VALUE_NULL -> new JsonValue.Null();
      case NOT_AVAILABLE, END_OBJECT, END_ARRAY, FIELD_NAME, VALUE_EMBEDDED_OBJECT ->
          throw new MalformedJsonException("must be JSON, was not at " + place(parser));
    };
  }

  private JsonValue.Obj members() throws IOException, MalformedJsonException {
    requireShallow();
    Map<String, JsonValue> members = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = whole(parser.currentName());
      if (key.length() > ApiLimits.MAX_JSON_NAME_CHARACTERS) {
        throw new MalformedJsonException(
            "must have keys of at most %d characters, had one of %d at %s"
                .formatted(ApiLimits.MAX_JSON_NAME_CHARACTERS, key.length(), place(parser)));
      }
      if (members.containsKey(key)) {
        throw new MalformedJsonException(
            "must name every key once, had " + Shown.quoted(key) + " twice at " + place(parser));
      }
      parser.nextToken();
      members.put(key, value());
    }
    return new JsonValue.Obj(Collections.unmodifiableMap(members));
  }

  private JsonValue.Arr items() throws IOException, MalformedJsonException {
    requireShallow();
    List<JsonValue> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      items.add(value());
    }
    return new JsonValue.Arr(Collections.unmodifiableList(items));
  }

  private void requireShallow() throws MalformedJsonException {
    if (parser.getParsingContext().getNestingDepth() > ApiLimits.MAX_JSON_DEPTH) {
      throw new MalformedJsonException(
          "must have at most %d objects and lists inside one another, had more at %s"
              .formatted(ApiLimits.MAX_JSON_DEPTH, place(parser)));
    }
  }

  private String number(String literal) throws MalformedJsonException {
    if (literal.length() > ApiLimits.MAX_JSON_NUMBER_CHARACTERS) {
      throw new MalformedJsonException(
          "must have numbers of at most %d characters, had one of %d at %s"
              .formatted(ApiLimits.MAX_JSON_NUMBER_CHARACTERS, literal.length(), place(parser)));
    }
    return literal;
  }

  /** Refuses half a surrogate pair, because UTF-8 cannot encode it. */
  private String whole(String text) throws MalformedJsonException {
    for (int at = 0; at < text.length(); at++) {
      char character = text.charAt(at);
      if (Character.isSurrogate(character)) {
        boolean pair =
            Character.isHighSurrogate(character)
                && at + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(at + 1));
        if (!pair) {
          throw new MalformedJsonException(
              String.format(
                  "must hold whole characters, had half a surrogate pair (\\u%04x) at %s",
                  (int) character, place(parser)));
        }
        at++;
      }
    }
    return text;
  }

  private static String place(JsonParser parser) {
    return place(parser.currentTokenLocation());
  }

  private static String place(JsonLocation at) {
    return "line " + at.getLineNr() + ", column " + at.getColumnNr();
  }
}
