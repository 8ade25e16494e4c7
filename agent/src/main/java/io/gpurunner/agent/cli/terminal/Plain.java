package io.gpurunner.agent.cli.terminal;

/**
 * Makes text from outside safe to print. A job's name, a reason or a label may hold characters that
 * would move a terminal's cursor or change the direction of writing. Stateless.
 */
public final class Plain {
  private Plain() {}

  /** Returns the text in one line. Each control character is replaced by a question mark. */
  public static String line(String text) {
    StringBuilder plain = new StringBuilder(text.length());
    text.codePoints().forEach(character -> plain.appendCodePoint(shown(character)));
    return plain.toString();
  }

  /**
   * Returns JSON that means the same and holds no control character. Inside a text they are
   * escaped. Between texts JSON has only blanks and line ends.
   */
  public static String json(String json) {
    StringBuilder plain = new StringBuilder(json.length());
    for (int at = 0; at < json.length(); at++) {
      char character = json.charAt(at);
      if (isBlank(character) || isHarmless(character)) {
        plain.append(character);
      } else {
        plain.append(String.format("\\u%04x", (int) character));
      }
    }
    return plain.toString();
  }

  private static int shown(int character) {
    if (isBlank(character)) {
      return ' ';
    }
    return isHarmless(character) ? character : '?';
  }

  private static boolean isBlank(int character) {
    return character == '\n' || character == '\r' || character == '\t';
  }

  private static boolean isHarmless(int character) {
    return switch (Character.getType(character)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      // Half a pair in a string of UTF-16 units belongs to the other half.
      default -> true;
    };
  }
}
