package io.gpurunner.agent.cli.terminal;

/**
 * The last line of a terminal, which is written again and again. If standard error is no terminal,
 * each change is a line of its own. Thread-safe.
 */
public final class LivingLine {
  private static final String TO_THE_BEGINNING = "\r";
  private static final String ERASE = "\r\u001b[K";

  private final Console console;
  private final boolean living;
  private String lastKey = "";
  private boolean shown;
  private boolean ended;

  public LivingLine(Console console) {
    this.console = console;
    this.living = console.errIsTerminal();
  }

  /**
   * Shows a text.
   *
   * @param key what counts as a change where each change is a line
   */
  public synchronized void show(String text, String key) {
    if (ended) {
      return;
    }
    if (living) {
      String line = CellWidth.cut(Plain.line(text), console.columns() - 1);
      console.err().print(ERASE + line + TO_THE_BEGINNING);
      console.err().flush();
      shown = true;
    } else if (!key.equals(lastKey)) {
      console.say(text);
    }
    lastKey = key;
  }

  /** Removes the line. Nothing is shown any more. */
  public synchronized void end() {
    if (shown && !ended) {
      console.err().print(ERASE);
      console.err().flush();
    }
    ended = true;
  }
}
