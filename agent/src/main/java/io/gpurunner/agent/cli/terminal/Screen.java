package io.gpurunner.agent.cli.terminal;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The terminal that the outputs of this process lead to, or not. */
public interface Screen {
  /** The width that is assumed where nothing tells it. */
  int USUAL_COLUMNS = 80;

  /** Returns whether standard output is a terminal. */
  boolean showsOut();

  /** Returns whether standard error is a terminal. */
  boolean showsErr();

  /** Returns the width of the terminal. May start a program. */
  int columns();

  /** Returns the screen of outputs that are no terminal. */
  static Screen none() {
    return new Fixed(false, false, USUAL_COLUMNS);
  }

  /** Returns the screen of this process. */
  static Screen ofProcess(Map<String, String> environment) {
    return new OfProcess(environment);
  }

  /** A screen that is known beforehand. */
  record Fixed(boolean showsOut, boolean showsErr, int columns) implements Screen {}

  /** What Linux tells of this process. Java's Console would load a line editor to say the same. */
  record OfProcess(Map<String, String> environment) implements Screen {
    private static final Pattern SIZE = Pattern.compile("\\d+ (\\d+)");
    private static final Pattern TERMINAL = Pattern.compile("/dev/(pts/.+|tty.*|console)");

    @Override
    public boolean showsOut() {
      return isTerminal(1);
    }

    @Override
    public boolean showsErr() {
      return isTerminal(2);
    }

    private static boolean isTerminal(int descriptor) {
      try {
        Path file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor));
        return TERMINAL.matcher(file.toString()).matches();
      } catch (IOException closed) {
        return false;
      }
    }

    @Override
    public int columns() {
      return Optional.ofNullable(environment.get("COLUMNS"))
          .flatMap(OfProcess::positive)
          .or(OfProcess::byStty)
          .orElse(USUAL_COLUMNS);
    }

    private static Optional<Integer> byStty() {
      try {
        Process stty =
            new ProcessBuilder("stty", "size")
                .redirectInput(new File("/dev/tty"))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader answer = stty.inputReader(StandardCharsets.US_ASCII)) {
          Matcher size = SIZE.matcher(String.valueOf(answer.readLine()));
          return size.matches() ? positive(size.group(1)) : Optional.empty();
        }
      } catch (IOException noTerminal) {
        return Optional.empty();
      }
    }

    private static Optional<Integer> positive(String text) {
      return text.matches("[1-9]\\d{0,4}") ? Optional.of(Integer.valueOf(text)) : Optional.empty();
    }
  }
}
