package io.gpurunner.agent.cli.job;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Joins words to a command in which a POSIX shell sees the same words. Stateless. */
final class ShellQuoting {
  /** The characters that the agent runs without a shell. */
  private static final Pattern PLAIN = Pattern.compile("[\\p{L}\\p{M}\\p{N}_./:,@%+=-]+");

  private static final Pattern ASSIGNMENT = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*\\+?=.*");

  private ShellQuoting() {}

  static String join(List<String> words) {
    // A first word like A=b would set a variable.
    boolean quoteFirst = ASSIGNMENT.matcher(words.getFirst()).matches();
    String first = quoteFirst ? quoted(words.getFirst()) : word(words.getFirst());
    return words.stream()
        .skip(1)
        .map(word -> " " + word(word))
        .collect(Collectors.joining("", first, ""));
  }

  private static String word(String word) {
    return PLAIN.matcher(word).matches() ? word : quoted(word);
  }

  private static String quoted(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }
}
