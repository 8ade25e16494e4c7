package io.gpurunner.agent.cli.top;

import io.gpurunner.agent.cli.terminal.Colour;
import java.util.Optional;

/**
 * How a part of a line looks. The colours are the terminal's own 16, which its user has chosen for
 * a light or a dark ground.
 */
enum Ink {
  PLAIN(""),
  HEADING("1"),
  RED("31"),
  GREEN("32"),
  YELLOW("33"),
  CYAN("36"),
  /** The foreground and the background are exchanged. */
  CHOSEN("7");

  private final String code;

  Ink(String code) {
    this.code = code;
  }

  static Ink of(Optional<Colour> colour) {
    return colour
        .map(
            one ->
                switch (one) {
                  case RED -> RED;
                  case GREEN -> GREEN;
                  case YELLOW -> YELLOW;
                  case CYAN -> CYAN;
                })
        .orElse(PLAIN);
  }

  /** Returns the text between the control sequences that switch the look on and off. */
  String of(String text) {
    return code.isEmpty() ? text : "\u001b[" + code + "m" + text + "\u001b[0m";
  }
}
