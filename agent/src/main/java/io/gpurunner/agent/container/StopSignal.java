package io.gpurunner.agent.container;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The signal that asks a program to end. It is SIGTERM, unless the image names another one ({@code
 * STOPSIGNAL}).
 *
 * @param number from 1 to 64, as on x86 and Arm (signal(7))
 */
public record StopSignal(int number) {
  public static final StopSignal TERM = new StopSignal(15);

  private static final int LAST = 64;

  /** The first and last real-time signal, as glibc and the engine count. */
  private static final int RT_MIN = 34;

  private static final List<String> NAMES =
      List.of(
          "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
          "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
          "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS");

  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,2}");
  private static final Pattern RT_FROM_MIN = Pattern.compile("RTMIN(\\+[0-9]{1,2})?");
  private static final Pattern RT_FROM_MAX = Pattern.compile("RTMAX(-[0-9]{1,2})?");

  public StopSignal {
    if (number < 1 || number > LAST) {
      throw new IllegalArgumentException("no signal of Linux: " + number);
    }
  }

  /**
   * Reads a signal as images name it: {@code SIGINT}, {@code int}, {@code 2}, {@code SIGRTMIN+3}.
   *
   * @return empty if there is no such signal
   */
  public static Optional<StopSignal> parse(String text) {
    String upper = text.strip().toUpperCase(Locale.ROOT);
    String name = upper.startsWith("SIG") ? upper.substring(3) : upper;
    int number;
    if (NUMBER.matcher(name).matches()) {
      number = Integer.parseInt(name);
    } else if (RT_FROM_MIN.matcher(name).matches()) {
      number = RT_MIN + offset(name);
    } else if (RT_FROM_MAX.matcher(name).matches()) {
      number = LAST + offset(name);
    } else {
      number = NAMES.indexOf(name) + 1;
    }
    return number < 1 || number > LAST ? Optional.empty() : Optional.of(new StopSignal(number));
  }

  private static int offset(String name) {
    String digits = name.substring("RTMIN".length());
    return digits.isEmpty() ? 0 : Integer.parseInt(digits);
  }

  /** Returns the signal's name: {@code SIGTERM}, {@code SIGRTMIN+3}. */
  @Override
  public String toString() {
    return number <= NAMES.size()
        ? "SIG" + NAMES.get(number - 1)
        : number < RT_MIN ? Integer.toString(number) : "SIGRTMIN+" + (number - RT_MIN);
  }
}
