package io.gpurunner.agent.cli.terminal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TerminalFilterTest {
  private final ByteArrayOutputStream terminal = new ByteArrayOutputStream();
  private final TerminalFilter filter = new TerminalFilter(terminal);

  private String shown(String text) throws IOException {
    return shown(text.getBytes(UTF_8));
  }

  private String shown(byte[] bytes) throws IOException {
    filter.write(bytes);
    return terminal.toString(UTF_8);
  }

  @Test
  void textAndColoursStay() throws IOException {
    String text =
        "epoch 1\t用 🚀 é\r 50 %\b\b\n\u001b[1;38;5;208mwarm\u001b[0m \u001b[4:3mx\u001b[m\n";

    assertThat(shown(text)).isEqualTo(text);
  }

  /** A backslash and an e stand for ESC. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "a\\e]0;title\u0007b|a?]0;title?b",
        "a\\e[2Jb|ab",
        "a\\e[10;1Hb|ab",
        "a\\e[?1049hb|ab",
        "a\\e[6nb|ab",
        "a\\e[>4;2mb|ab",
        "a\\e[1 qb|ab",
        "a\\eP$qm\\e\\b|a?P$qm?\\b",
        "a\\ecb|a?cb",
        "a\\e\\e[31mb|a?\\e[31mb",
        "a\\e[3\\e[31mb|a?[3\\e[31mb",
        "a\\e[3用b|a?[3用b",
        "a\u009b31mb|a\\e[31mb",
        "a\u009b2Jb|ab",
        "a\u009d0;title\u009cb|a?0;title?b",
        "a\u0000\u007fb|a??b",
        "a\\e[31|a",
        "a\\e[8mb|ab",
        "a\\e[08mb|ab",
        "a\\e[8:1mb|ab",
        "a\\e[1;8;31mb|a\\e[1;31mb",
        "a\\e[38;5;8;8;48;2;8;8;8;8mb|a\\e[38;5;8;48;2;8;8;8mb",
        "a\\e[38;8mb|a\\e[38mb",
        "a\\e[38;2;8mb|a\\e[38;2;8mb",
        "a\\e[;8;mb|a\\e[;mb",
      })
  void whatActsOnATerminalDoesNot(String printed, String expected) throws IOException {
    assertThat(shown(printed.replace("\\e", "\u001b")))
        .isEqualTo(expected.replace("\\e", "\u001b"));
  }

  @Test
  void sequencesAndCharactersMayComeInParts() throws IOException {
    byte[] text = "用🚀\u001b[31mred\u001b[2J\u001b]0;t\u0007\u009b1m\n".getBytes(UTF_8);
    for (byte part : text) {
      filter.write(part);
    }

    assertThat(terminal.toString(UTF_8)).isEqualTo("用🚀\u001b[31mred?]0;t?\u001b[1m\n");
  }

  @Test
  void aLongTextIsPassedInParts() throws IOException {
    String text = "用🚀a".repeat(10_000);

    assertThat(shown(text)).isEqualTo(text);
  }

  @Test
  void bytesThatAreNoTextBecomeReplacements() throws IOException {
    // A terminal with eight-bit characters would take 9b as the beginning of a sequence, and a
    // careless decoder e0 80 9b as ESC.
    assertThat(
            shown(new byte[] {'a', (byte) 0x9b, '2', 'J', (byte) 0xe0, (byte) 0x80, (byte) 0x9b}))
        .isEqualTo("a\ufffd2J\ufffd\ufffd\ufffd");
  }

  @Test
  void aSequenceThatNeverEndsHoldsNothingBack() throws IOException {
    String text = "1;".repeat(1_000);

    assertThat(shown("\u001b[" + text)).isEqualTo("?[" + text);
  }

  @Test
  void theEndShowsWhatWasHeldBackAndTakesColoursBack() throws IOException {
    filter.write("\u001b[31mred\u001b[3".getBytes(UTF_8));
    filter.write(0xe7);
    filter.finish();
    filter.finish();

    assertThat(terminal.toString(UTF_8)).isEqualTo("\u001b[31mred?[3\ufffd\u001b[0m");
  }

  @Test
  void theEndAddsNothingToPlainText() throws IOException {
    filter.write("\u001b[31mred\u001b[0m".getBytes(UTF_8));
    filter.finish();

    assertThat(terminal.toString(UTF_8)).isEqualTo("\u001b[31mred\u001b[0m");
  }
}
