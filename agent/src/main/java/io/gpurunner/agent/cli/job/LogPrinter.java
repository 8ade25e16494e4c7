package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.TerminalFilter;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Optional;

/**
 * Prints a job's output to standard output: to a terminal without what could act on it, and
 * elsewhere as it is. Not thread-safe.
 */
final class LogPrinter {
  private static final int BUFFER_BYTES = 64 << 10;

  private final PrintStream raw;
  private final Optional<TerminalFilter> filter;
  private final OutputStream out;
  private final boolean terminal;
  private boolean inLine;

  /**
   * @param asItIs whether a terminal gets everything, too
   */
  LogPrinter(Console console, boolean asItIs) {
    this.raw = console.rawOut();
    OutputStream buffered = new BufferedOutputStream(raw, BUFFER_BYTES);
    this.terminal = console.outIsTerminal();
    this.filter =
        terminal && !asItIs ? Optional.of(new TerminalFilter(buffered)) : Optional.empty();
    this.out = filter.<OutputStream>map(it -> it).orElse(buffered);
  }

  /**
   * Prints a piece of output.
   *
   * @param isLine whether the end of a line follows the piece
   */
  void print(byte[] piece, boolean isLine) {
    inLine = !isLine && (piece.length == 0 ? inLine : piece[piece.length - 1] != '\n');
    try {
      out.write(piece);
      if (isLine) {
        out.write('\n');
      }
    } catch (IOException impossible) {
      throw failed(impossible);
    }
  }

  /** Lets everything be read that was printed. */
  void flush() {
    try {
      out.flush();
    } catch (IOException impossible) {
      throw failed(impossible);
    }
  }

  /** Prints what was held back. Nothing is printed after that. */
  void finish() {
    try {
      if (filter.isPresent()) {
        filter.get().finish();
      }
      out.flush();
    } catch (IOException impossible) {
      throw failed(impossible);
    }
  }

  /** Returns whether standard output is a terminal on which the last line has no end yet. */
  boolean isInLine() {
    return inLine && terminal;
  }

  /** Returns whether somebody reads what is printed. */
  boolean isRead() {
    return !raw.checkError();
  }

  /** A stream to a process's output keeps its failures to itself; {@link #isRead} tells them. */
  private static CommandFailedException failed(IOException impossible) {
    return new CommandFailedException("standard output: " + impossible.getMessage(), impossible);
  }
}
