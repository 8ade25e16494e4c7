package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class OutputMeterTest {
  /** The room of a piece in the engine's file, without its text. */
  private static final int ENTRY_BYTES =
      "{\"log\":\"\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:00.123456789Z\"}\n".length();

  private final ByteArrayOutputStream passed = new ByteArrayOutputStream();

  @Test
  void whatFitsIsKeptWholeAndOfMoreTheEnd() throws IOException {
    int room = 10 * (ENTRY_BYTES + "a\\n".length());
    OutputMeter meter = new OutputMeter(passed, room);
    for (int pieces = 1; pieces <= 10; pieces++) {
      meter.write("a\n".getBytes(UTF_8));
      assertThat(meter.keptFrom()).isEmpty();
    }
    for (int dropped = 1; dropped <= 3; dropped++) {
      meter.write("a\n".getBytes(UTF_8));
      assertThat(meter.keptFrom()).hasValue(2L * dropped);
    }
    assertThat(passed.toString(UTF_8)).isEqualTo("a\n".repeat(13));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "loss 0.5\n",
        "\"C:\\x\"\r\n",
        "a <b> & c",
        "\tüber 训练：\u001b[1m",
        "\u2028",
        "\uFFFD"
      })
  void aPieceTakesAtLeastTheRoomOfItsJson(String text) throws IOException {
    String json =
        new ObjectMapper()
            .writeValueAsString(Map.of("log", text))
            .replaceAll("[<>&\\u2028\\uFFFD]", "123456"); // the engine writes these as numbers
    int room = ENTRY_BYTES + json.getBytes(UTF_8).length - "{'log':''}".length();
    OutputMeter meter = new OutputMeter(passed, room - 1);
    meter.write(text.getBytes(UTF_8));
    assertThat(meter.keptFrom()).isPresent();
  }

  @Test
  void whatIsKeptBeginsWithAWholeCharacter() throws IOException {
    byte[] text = "训练".repeat(1000).getBytes(UTF_8);
    for (int partBytes = 1; partBytes <= 7; partBytes++) {
      OutputMeter meter = new OutputMeter(passed, 10_000);
      for (int from = 0; from < text.length; from += partBytes) {
        meter.write(text, from, Math.min(partBytes, text.length - from));
      }
      assertThat(meter.keptFrom().orElseThrow() % "训".getBytes(UTF_8).length)
          .as("in parts of %d bytes", partBytes)
          .isZero();
    }
  }
}
