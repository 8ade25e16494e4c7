package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests which texts are accepted as JSON, and how the others are refused. */
final class JsonReaderTest {
  @Test
  void readsEveryKindOfValue() throws MalformedJsonException {
    assertThat(
            read("{\"a\":\"x\",\"b\":1,\"c\":-1.5e3,\"d\":true,\"e\":null,\"f\":[1],\"g\":{}}")
                .members())
        .isEqualTo(
            Map.of(
                "a", new JsonValue.Text("x"),
                "b", new JsonValue.Numeric("1", true),
                "c", new JsonValue.Numeric("-1.5e3", false),
                "d", new JsonValue.Bool(true),
                "e", new JsonValue.Null(),
                "f", new JsonValue.Arr(List.of(new JsonValue.Numeric("1", true))),
                "g", new JsonValue.Obj(Map.of())));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " \n", "[]", "1", "\"x\"", "null", "true"})
  void wantsAnObject(String text) {
    assertRefused(text, "must be a JSON object, was ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "{}}",
        "{} {}",
        "{} x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{/* */}",
        "// x\n{}",
        "{\"a\":1]",
        "{\"a\":tru}"
      })
  void isStrict(String text) {
    assertRefused(text, "must be");
    assertThatThrownBy(() -> read(text))
        .message()
        .doesNotContain("REDACTED", "Source", "JsonParser", "Unexpected", "Constraints", "code ");
  }

  @Test
  void namesThePlaceOfAFault() {
    assertRefused("{\n  \"a\": 1,\n  b: 2}", "must be JSON, was not at line 3, column 3, near \"");
    assertRefused("{\"a\":[1", "must be JSON, ended too early");
  }

  @Test
  void namesAKeyThatIsThereTwice() {
    assertRefused(
        "{\"a\":1,\"b\":2,\"a\":3}", "must name every key once, had \"a\" twice at line 1");
    assertRefused("{\"a\":{\"x\":1,\"x\":2}}", "had \"x\" twice");
    assertRefused("{\"a\":1,\"\\u0061\":3}", "had \"a\" twice");
  }

  @Test
  void boundsDepthNumbersKeysAndValues() throws MalformedJsonException {
    int depth = ApiLimits.MAX_JSON_DEPTH - 1;
    assertThat(read("{\"a\":" + "[".repeat(depth) + "]".repeat(depth) + "}").members()).hasSize(1);
    assertRefused("{\"a\":" + "[".repeat(depth + 1) + "]".repeat(depth + 1) + "}", "at most 32");
    assertRefused("{\"a\":" + "[".repeat(500_000), "inside one another, had more at line 1");
    assertRefused("{\"a\":".repeat(100_000), "inside one another, had more at line 1");
    assertRefused(
        "{\"a\":" + "9".repeat(ApiLimits.MAX_JSON_NUMBER_CHARACTERS + 1) + "}",
        "numbers of at most 100 characters, had one of 101 at line 1, column 6");
    assertRefused("{\"a\":1" + "0".repeat(900_000) + "}", "had one of 900001");
    assertRefused(
        "{\"" + "k".repeat(ApiLimits.MAX_JSON_NAME_CHARACTERS + 1) + "\":1}",
        "keys of at most 1024 characters, had one of 1025");
    assertRefused(
        "{\"a\":[" + "1,".repeat(ApiLimits.MAX_JSON_VALUES) + "1]}", "at most 10000 values");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "80", // a continuation byte alone
        "c0af", // an overlong slash
        "e08080", // overlong
        "eda080", // half a surrogate pair
        "f4908080", // past U+10FFFF
        "fe",
        "ff",
        "c3", // cut off
        "e282"
      })
  void refusesInvalidUtf8(String octets) {
    byte[] middle = HexFormat.of().parseHex(octets);
    byte[] body =
        concat(
            "{\"a\":\"".getBytes(StandardCharsets.UTF_8),
            middle,
            "\"}".getBytes(StandardCharsets.UTF_8));

    assertThatThrownBy(() -> JsonReader.text(body))
        .isInstanceOf(MalformedJsonException.class)
        .hasMessage("must be JSON in UTF-8, was not valid UTF-8");
  }

  @Test
  void dropsAByteOrderMarkAndTakesNoOtherEncoding() throws MalformedJsonException {
    assertThat(JsonReader.text("\uFEFF{}".getBytes(StandardCharsets.UTF_8))).isEqualTo("{}");
    assertThatThrownBy(() -> read(JsonReader.text("{}".getBytes(StandardCharsets.UTF_16LE))))
        .isInstanceOf(MalformedJsonException.class);
    assertThatThrownBy(() -> read(JsonReader.text("{}".getBytes(StandardCharsets.UTF_16))))
        .isInstanceOf(MalformedJsonException.class);
  }

  @ParameterizedTest
  @CsvSource({"\\ud800", "\\udc00", "\\ud800x", "\\udc00\\ud800"})
  void refusesHalfASurrogatePair(String escape) {
    assertRefused("{\"a\":\"" + escape + "\"}", "half a surrogate pair");
    assertRefused("{\"" + escape + "\":1}", "half a surrogate pair");
  }

  @Test
  void takesAWholeSurrogatePair() throws MalformedJsonException {
    assertThat(read("{\"a\":\"\\ud83d\\ude00\"}").members().get("a"))
        .isEqualTo(new JsonValue.Text("😀"));
  }

  private static JsonValue.Obj read(String text) throws MalformedJsonException {
    return JsonReader.object(text);
  }

  private static void assertRefused(String text, String message) {
    assertThatThrownBy(() -> read(text))
        .isInstanceOf(MalformedJsonException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
  }

  private static byte[] concat(byte[]... parts) {
    var all = new java.io.ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
