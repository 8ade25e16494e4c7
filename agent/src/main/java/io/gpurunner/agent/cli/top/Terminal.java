package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.terminal.Console;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The terminal of this process, while it shows frames: on the alternate screen, without a cursor,
 * and giving each key at once. {@link #close} gives it back as it was. Thread-safe.
 */
final class Terminal implements AutoCloseable {
  private static final File FILE = new File("/dev/tty");
  private static final Pattern SIZE = Pattern.compile("([1-9]\\d{0,4}) ([1-9]\\d{0,4})");

  /**
   * The alternate screen, no cursor, marks around a paste: xterm's modes 1049, 25 and 2004. Without
   * mode 7, a line that the terminal finds longer than {@link Line} does spoils no other line.
   */
  static final String ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[?2004h\u001b[2J";

  static final String LEAVE = "\u001b[0m\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l";

  /** Erases what is right of the cursor. */
  private static final String ERASE = "\u001b[K";

  private final Console console;
  private final String settings;
  private List<String> drawn = List.of();
  private Size drawnAt = new Size(0, 0);
  private boolean closed;

  private Terminal(Console console, String settings) {
    this.console = console;
    this.settings = settings;
  }

  /**
   * Takes the terminal over. It is empty if this process has none. Ctrl-C, SIGTERM and a window
   * that is closed end Java, and its hook gives the terminal back.
   */
  static Optional<Terminal> open(Console console) {
    Optional<String> settings = stty("-g");
    if (settings.isEmpty()) {
      return Optional.empty();
    }
    Terminal terminal = new Terminal(console, settings.get());
    Runtime.getRuntime().addShutdownHook(new Thread(terminal::close, "terminal"));
    terminal.enter();
    return Optional.of(terminal);
  }

  private synchronized void enter() {
    if (!closed) {
      // Ctrl-C still ends the process. Ctrl-Z and Ctrl-\ would leave or garble the screen.
      stty("-icanon", "-echo", "-ixon", "min", "1", "time", "0", "susp", "undef", "quit", "undef");
      write(ENTER);
    }
  }

  /** Returns the keys as bytes. */
  static InputStream keys() throws IOException {
    return new FileInputStream(FILE);
  }

  /** Returns how large the terminal is now. Starts a program. */
  static Size size() {
    return stty("size").flatMap(Terminal::parsed).orElse(Size.USUAL);
  }

  /** Reads what {@code stty size} prints. */
  static Optional<Size> parsed(String text) {
    Matcher size = SIZE.matcher(text);
    return size.matches()
        ? Optional.of(new Size(Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2))))
        : Optional.empty();
  }

  private static Optional<String> stty(String... arguments) {
    List<String> command = new ArrayList<>(List.of("stty"));
    command.addAll(List.of(arguments));
    try {
      Process stty =
          new ProcessBuilder(command)
              .redirectInput(FILE)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      try (BufferedReader answer = stty.inputReader(StandardCharsets.US_ASCII)) {
        String line = answer.readLine();
        return stty.waitFor() == 0 ? Optional.of(String.valueOf(line)) : Optional.empty();
      }
    } catch (IOException noTerminal) {
      return Optional.empty();
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  /** Shows a frame. Only lines that have changed are written, all at once. */
  synchronized void show(List<Line> frame, Size size, boolean coloured) {
    List<String> lines = frame.stream().map(line -> line.painted(coloured)).toList();
    write(change(size.equals(drawnAt) ? drawn : List.of(), lines));
    drawn = lines;
    drawnAt = size;
  }

  /** Forgets what is shown, so that the next frame is written as a whole. */
  synchronized void forget() {
    drawnAt = new Size(0, 0);
  }

  /**
   * Returns what turns a frame into another one.
   *
   * @param old what is shown; empty if it is not known
   */
  static String change(List<String> old, List<String> lines) {
    StringBuilder text = new StringBuilder(old.isEmpty() ? "\u001b[2J" : "");
    for (int row = 0; row < lines.size(); row++) {
      if (row >= old.size() || !old.get(row).equals(lines.get(row))) {
        // A line that is as wide as the terminal must not be erased after its last character.
        text.append("\u001b[").append(row + 1).append(";1H").append(ERASE).append(lines.get(row));
      }
    }
    return text.toString();
  }

  private synchronized void write(String text) {
    if (!closed && !text.isEmpty()) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      console.rawOut().write(bytes, 0, bytes.length);
      console.rawOut().flush();
    }
  }

  /** Gives the terminal back. Nothing is shown any more. A second call does nothing. */
  @Override
  public synchronized void close() {
    if (!closed) {
      write(LEAVE);
      closed = true;
      stty(settings);
    }
  }
}
