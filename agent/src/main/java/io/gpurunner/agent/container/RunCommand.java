package io.gpurunner.agent.container;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Turns {@code runCommand} of the contract into a program and its arguments. Pure.
 *
 * <p>Plain words run directly, so the image needs no shell. Every other text is given to {@code
 * /bin/sh -c}. A text of several lines ends at the first line that fails ({@code -e}), as a
 * script's author expects. CRLF, which Windows tools write, counts as a line's end.
 */
public final class RunCommand {
  /** The characters that have no meaning to a POSIX shell anywhere in a word. */
  private static final Pattern PLAIN_WORD = Pattern.compile("[\\p{L}\\p{M}\\p{N}_./:,@%+=-]+");

  /** An assignment: {@code NAME=value} before the first word of a command. */
  private static final Pattern ASSIGNMENT = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*\\+?=.*");

  private static final Pattern BLANKS = Pattern.compile("[ \\t]+");

  private RunCommand() {}

  /**
   * Returns the program and its arguments.
   *
   * @param text not blank
   * @throws IllegalArgumentException if blank
   */
  public static List<String> parse(String text) {
    String unix = text.replace("\r\n", "\n");
    String stripped = unix.strip();
    if (stripped.isEmpty()) {
      throw new IllegalArgumentException("a run command must not be blank");
    }
    List<String> words = List.of(BLANKS.split(stripped));
    boolean plain =
        words.stream().allMatch(word -> PLAIN_WORD.matcher(word).matches())
            && !ASSIGNMENT.matcher(words.getFirst()).matches()
            && !ShellWords.isBuiltIn(words.getFirst());
    if (plain) {
      return words;
    }
    return stripped.indexOf('\n') < 0
        ? List.of("/bin/sh", "-c", unix)
        : List.of("/bin/sh", "-e", "-c", unix);
  }
}
