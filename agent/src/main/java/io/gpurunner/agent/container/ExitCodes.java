package io.gpurunner.agent.container;

import java.util.Map;
import java.util.Optional;

/**
 * Says what exit codes mean, by the conventions of POSIX shells, of Docker's init process, and of
 * Linux's signals. Pure.
 */
public final class ExitCodes {
  /** A shell or init reports a process that was killed by signal n with exit code 128 + n. */
  private static final int SIGNAL_BASE = 128;

  private static final int HIGHEST_SIGNAL = 64;

  /** A command that was found could not be executed. */
  static final int CANNOT_EXECUTE = 126;

  /** The command was not found. */
  static final int NOT_FOUND = 127;

  /**
   * The exit code that Docker reports for a container that ended while Docker itself was down
   * (moby, when it restores containers).
   */
  public static final int LOST_BY_ENGINE = 255;

  /** The exit code of a process that SIGKILL ended. */
  public static final int KILLED = SIGNAL_BASE + 9;

  /** The signal numbers of Linux on x86 and Arm (signal(7)). */
  private static final Map<Integer, String> SIGNALS =
      Map.ofEntries(
          Map.entry(1, "SIGHUP"),
          Map.entry(2, "SIGINT"),
          Map.entry(3, "SIGQUIT"),
          Map.entry(4, "SIGILL, illegal instruction"),
          Map.entry(6, "SIGABRT, aborted"),
          Map.entry(7, "SIGBUS, often too little shared memory"),
          Map.entry(8, "SIGFPE, arithmetic fault"),
          Map.entry(9, "SIGKILL"),
          Map.entry(11, "SIGSEGV, segmentation fault"),
          Map.entry(13, "SIGPIPE"),
          Map.entry(15, "SIGTERM"));

  private ExitCodes() {}

  /** Returns the code with its meaning, for messages: {@code 127 (command not found)}. */
  public static String describe(int code) {
    return code + meaning(code).map(words -> " (" + words + ")").orElse("");
  }

  private static Optional<String> meaning(int code) {
    if (code == CANNOT_EXECUTE) {
      return Optional.of("the command cannot be executed");
    }
    if (code == NOT_FOUND) {
      return Optional.of("command not found");
    }
    if (code == LOST_BY_ENGINE) {
      return Optional.of("the program's own, or lost because the container engine died");
    }
    int signal = code - SIGNAL_BASE;
    if (signal < 1 || signal > HIGHEST_SIGNAL) {
      return Optional.empty();
    }
    return Optional.of("killed by " + SIGNALS.getOrDefault(signal, "signal " + signal));
  }
}
