package io.gpurunner.agent.container;

import java.util.List;
import java.util.regex.Pattern;

/**
 * How the contract's {@code runCommand} becomes a program and its arguments. Pure.
 *
 * <p>Plain words run directly, so that the program is the one that gets the signals and no shell is
 * needed in the image. Anything a shell would read otherwise than as plain words is given to {@code
 * /bin/sh -c}.
 */
public final class RunCommand {
  /** Every character that means nothing to a POSIX shell anywhere in a word. */
  private static final Pattern PLAIN_WORD = Pattern.compile("[\\p{L}\\p{M}\\p{N}_./:,@%+=-]+");

  /** {@code NAME=value} before the first word of a command is an assignment. */
  private static final Pattern ASSIGNMENT = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*\\+?=.*");

  private static final Pattern BLANKS = Pattern.compile("[ \\t]+");

  /**
   * SIGTERM goes to all processes of a job at once. A shell would die of it before the program it
   * waits for has written its checkpoint, and the container with it. With a trap it waits for what
   * it runs, in the foreground and in the background, and then ends without running what follows.
   * The job's own trap, where it sets one, takes its place. On the same line as the command: line
   * numbers in the shell's messages stay right.
   */
  private static final String WAIT_FOR_CHILDREN = "trap 'wait; exit 143' TERM; ";

  private RunCommand() {}

  /**
   * Program and arguments.
   *
   * @param text not blank
   * @throws IllegalArgumentException if blank
   */
  public static List<String> parse(String text) {
    String stripped = text.strip();
    if (stripped.isEmpty()) {
      throw new IllegalArgumentException("a run command must not be blank");
    }
    List<String> words = List.of(BLANKS.split(stripped));
    boolean plain =
        words.stream().allMatch(word -> PLAIN_WORD.matcher(word).matches())
            && !ASSIGNMENT.matcher(words.getFirst()).matches()
            && !ShellWords.isBuiltIn(words.getFirst());
    return plain ? words : List.of("/bin/sh", "-c", WAIT_FOR_CHILDREN + text);
  }
}
