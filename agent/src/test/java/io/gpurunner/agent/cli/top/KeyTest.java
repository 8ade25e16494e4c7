package io.gpurunner.agent.cli.top;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

final class KeyTest {
  private static List<Key> decode(String text) {
    return Key.decode(text);
  }

  @Test
  void lettersOfAnyAlphabetAreWhatTheyWrite() {
    assertThat(decode("j训😀")).containsExactly(Key.of("j"), Key.of("训"), Key.of("😀"));
  }

  @Test
  void keysThatWriteNothingAreKnownByTheirSequence() {
    assertThat(decode("\u001b[A\u001bOB\u001b[5~\u001b[6~\u001b[H\u001bOF\u001b[1~\u001b[4~"))
        .extracting(Key::kind)
        .containsExactly(
            Key.Kind.UP,
            Key.Kind.DOWN,
            Key.Kind.PAGE_UP,
            Key.Kind.PAGE_DOWN,
            Key.Kind.FIRST,
            Key.Kind.LAST,
            Key.Kind.FIRST,
            Key.Kind.LAST);
  }

  @Test
  void controlKeysAreKnown() {
    assertThat(decode("\r\u001b"))
        .extracting(Key::kind)
        .containsExactly(Key.Kind.ENTER, Key.Kind.ESCAPE);
    assertThat(decode("\n\u007f\b\f\u0002\u0006"))
        .extracting(Key::kind)
        .containsExactly(
            Key.Kind.ENTER,
            Key.Kind.BACKSPACE,
            Key.Kind.BACKSPACE,
            Key.Kind.REDRAW,
            Key.Kind.PAGE_UP,
            Key.Kind.PAGE_DOWN);
  }

  @Test
  void whatIsNotKnownIsNoKey() {
    assertThat(decode("\u001b[15~\u001b[1;5C\u0001\u0000")).isEmpty();
    assertThat(new KeyReader().read(new byte[] {(byte) 0xff, 'q'})).containsExactly(Key.of("q"));
  }
}
