package io.gpurunner.agent.cli.terminal;

/** One of a terminal's 16 colours. A colour only repeats what a word beside it says. */
public enum Colour {
  RED(31),
  GREEN(32),
  YELLOW(33),
  CYAN(36);

  private final int code;

  Colour(int code) {
    this.code = code;
  }

  /** Returns the text between the control sequences that switch the colour on and off. */
  public String of(String text) {
    return "\u001b[" + code + "m" + text + "\u001b[0m";
  }
}
