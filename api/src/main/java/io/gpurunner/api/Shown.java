package io.gpurunner.api;

/** Shows text from outside in messages: in quotes, short, and without raw control bytes. */
public final class Shown {
  private static final int MAX_CHARACTERS = 80;

  /** The longest text of a server outside in a line of the log. */
  public static final int LOGGED_CHARACTERS = 2_500;

  private Shown() {}

  /**
   * Returns the text in double quotes, cut after 80 characters, with control characters escaped.
   */
  static String quoted(String text) {
    return '"' + plain(text, MAX_CHARACTERS) + '"';
  }

  /**
   * Returns a text of a server outside for the administrator's log, cut and with control characters
   * escaped.
   */
  public static String logged(String text) {
    return plain(text, LOGGED_CHARACTERS);
  }

  /** Returns the text, cut after {@code maxCharacters}, with control characters escaped. */
  static String plain(String text, int maxCharacters) {
    StringBuilder shown = new StringBuilder();
    int count = 0;
    for (int at = 0; at < text.length(); count++) {
      if (count == maxCharacters) {
        return shown.append('…').toString();
      }
      int character = text.codePointAt(at);
      at += Character.charCount(character);
      append(shown, character);
    }
    return shown.toString();
  }

  private static void append(StringBuilder shown, int character) {
    switch (Character.getType(character)) {
      // Among these are characters that change the direction of writing or break lines.
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          shown.append(String.format("\\u%04x", character));
      default -> shown.appendCodePoint(character);
    }
  }
}
