package io.gpurunner.agent.cli.terminal;

import java.util.ArrayList;
import java.util.List;

/**
 * Says how many columns of a terminal a text takes. Chinese characters and emoji take two.
 * Stateless.
 */
public final class CellWidth {
  private static final String CUT = "…";

  private CellWidth() {}

  /** Returns how many columns a text takes. */
  public static int of(String text) {
    return text.codePoints().map(CellWidth::of).sum();
  }

  /** Returns the text, cut to so many columns. A text that was cut ends with {@code …}. */
  public static String cut(String text, int columns) {
    if (of(text) <= columns) {
      return text;
    }
    if (columns <= of(CUT)) {
      return columns < of(CUT) ? "" : CUT;
    }
    String beginning = text.substring(0, fitting(text, columns - of(CUT)));
    return of(beginning) < columns ? beginning + CUT : CUT;
  }

  /** Returns the text in lines of at most so many columns, broken at blanks where there are any. */
  public static List<String> wrap(String text, int columns) {
    List<String> lines = new ArrayList<>();
    String left = text;
    while (of(left) > columns) {
      int fitting = fitting(left, columns);
      int blank = left.lastIndexOf(' ', fitting);
      int end = blank > 0 ? blank : fitting;
      lines.add(left.substring(0, end));
      left = left.substring(end).stripLeading();
    }
    lines.add(left);
    return lines;
  }

  /** Returns how many UTF-16 units of the text fit; at least those of one character. */
  private static int fitting(String text, int columns) {
    int used = 0;
    int at = 0;
    while (at < text.length()) {
      int character = text.codePointAt(at);
      used += of(character);
      if (used > columns && at > 0) {
        return at;
      }
      at += Character.charCount(character);
    }
    return at;
  }

  private static int of(int character) {
    return switch (Character.getType(character)) {
      case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK -> 0;
      default -> isWide(character) ? 2 : 1;
    };
  }

  /**
   * Returns whether it is in a block whose characters are wide, or is shown as an emoji, which is
   * wide too (Unicode's UAX #11). The halves of a flag are the exception.
   */
  private static boolean isWide(int character) {
    return (Character.isEmojiPresentation(character) && !between(character, 0x1f1e6, 0x1f1ff))
        || between(character, 0x1100, 0x115f)
        || between(character, 0x2329, 0x232a)
        || between(character, 0x2e80, 0xa4cf)
        || between(character, 0xa960, 0xa97c)
        || between(character, 0xac00, 0xd7a3)
        || between(character, 0xf900, 0xfaff)
        || between(character, 0xfe30, 0xfe6f)
        || between(character, 0xff00, 0xff60)
        || between(character, 0xffe0, 0xffe6)
        || between(character, 0x16fe0, 0x1b2fb)
        || between(character, 0x1f200, 0x1f265)
        || between(character, 0x1f300, 0x1faff)
        || between(character, 0x20000, 0x3fffd);
  }

  private static boolean between(int character, int first, int last) {
    return character >= first && character <= last;
  }
}
