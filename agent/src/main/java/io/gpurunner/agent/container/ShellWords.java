package io.gpurunner.agent.container;

import java.util.Set;

/** The words that only a shell can run, because no image has such a program. */
final class ShellWords {
  /**
   * The reserved words of POSIX, the built-in utilities that exist in no file (XCU 2.4, 2.14 and
   * "intrinsic" utilities of POSIX.1-2017), and {@code source}, which bash and busybox know.
   */
  private static final Set<String> BUILT_IN =
      Set.of(
          "if",
          "while",
          "until",
          "for",
          "case",
          "exec",
          "export",
          "cd",
          "set",
          "unset",
          "ulimit",
          "umask",
          "trap",
          "eval",
          "exit",
          "wait",
          "source",
          ".",
          ":",
          "readonly",
          "shift",
          "command",
          "alias",
          "type",
          "read");

  private ShellWords() {}

  static boolean isBuiltIn(String word) {
    return BUILT_IN.contains(word);
  }
}
