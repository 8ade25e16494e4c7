package io.gpurunner.agent.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CellWidthTest {
  /** A character of each range that UAX #11 calls wide. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "ᄀ", "⌚", "〈", "⏩", "◽", "☔", "♈", "⚡", "⛔", "✅", "❌", "➕", "⬛", "⭐", "训", "ꥠ", "한", "Ａ",
        "𖿠", "𛀀", "🀄", "🃏", "🆎", "🈁", "🈐", "🌀", "😀", "🚀", "🟢", "🤖", "🪐", "𠀀"
      })
  void wideCharactersTakeTwoColumns(String text) {
    assertThat(CellWidth.of(text)).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "é", "▁", "█", "↑", "☎", "✓", "⌘", "🇨", "…"})
  void otherCharactersTakeOneColumn(String text) {
    assertThat(CellWidth.of(text)).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"\u0301", "\ufe0f", "\u20e3"})
  void marksTakeNone(String text) {
    assertThat(CellWidth.of(text)).isZero();
  }
}
