package io.gpurunner.agent.cli.terminal;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/**
 * The outputs of a command. Results go to standard output, everything else to standard error.
 * Thread-safe.
 */
public final class Console {
  private final PrintStream rawOut;
  private final PrintWriter out;
  private final PrintWriter err;
  private final Screen screen;

  public Console(PrintStream out, PrintStream err, Screen screen) {
    this.rawOut = out;
    this.out = new PrintWriter(out, true, StandardCharsets.UTF_8);
    this.err = new PrintWriter(err, true, StandardCharsets.UTF_8);
    this.screen = screen;
  }

  public PrintWriter out() {
    return out;
  }

  public PrintWriter err() {
    return err;
  }

  /** Returns standard output for bytes that are passed as they are. */
  public PrintStream rawOut() {
    return rawOut;
  }

  /** Returns whether standard output is a terminal. */
  public boolean outIsTerminal() {
    return screen.showsOut();
  }

  /** Returns whether standard error is a terminal. */
  public boolean errIsTerminal() {
    return screen.showsErr();
  }

  /** Returns the width of the terminal. */
  public int columns() {
    return screen.columns();
  }

  /** Returns the width to which tables are cut. It is empty if standard output is no terminal. */
  public Optional<Integer> tableColumns() {
    return screen.showsOut() ? Optional.of(screen.columns()) : Optional.empty();
  }

  /** Prints a line to standard error, with nothing in it that moves the cursor. */
  public void say(String text) {
    err.println(Plain.line(text));
  }

  /** Returns whether {@code --color auto} means colours. */
  public boolean wantsColour(Map<String, String> environment) {
    return screen.showsOut()
        && environment.getOrDefault("NO_COLOR", "").isEmpty()
        && !environment.getOrDefault("TERM", "").equals("dumb");
  }
}
