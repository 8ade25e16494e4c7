package io.gpurunner.agent.cli.job;

import io.gpurunner.agent.cli.client.CommandFailedException;
import io.gpurunner.agent.cli.terminal.Console;
import io.gpurunner.agent.cli.terminal.TerminalFilter;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Optional;

/**
 * Prints a job's output to standard output: to a terminal without what could act on it, and
 * elsewhere as it is. One thread prints; {@link #finish} and {@link #finishSoon} may be called by
 * another one.
 */
final class LogPrinter {
  /** How long the end of the command waits for a terminal that takes nothing, as after Ctrl-S. */
  static final Duration FINISH_LIMIT = Duration.ofSeconds(1);

  private static final int BUFFER_BYTES = 64 << 10;

  private final PrintStream raw;
  private final Optional<TerminalFilter> filter;
  private final OutputStream out;
  private final boolean terminal;
  private boolean inLine;
  private boolean finished;

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
  synchronized void print(byte[] piece, boolean isLine) {
    if (finished) {
      return;
    }
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
  synchronized void flush() {
    try {
      out.flush();
    } catch (IOException impossible) {
      throw failed(impossible);
    }
  }

  /** Prints what was held back, and takes colours back. Nothing is printed after that. */
  synchronized void finish() {
    finished = true;
    try {
      if (filter.isPresent()) {
        filter.get().finish();
      }
      out.flush();
    } catch (IOException impossible) {
      throw failed(impossible);
    }
  }

  /**
   * Finishes when Java ends, which Ctrl-C brings about: a job's colours must not stay in the
   * terminal.
   */
  void finishAtExit() {
    if (filter.isPresent()) {
      Runtime.getRuntime().addShutdownHook(new Thread(this::finishSoon, "colours"));
    }
  }

  /** Finishes, unless the terminal takes nothing. */
  void finishSoon() {
    Thread finishing = Thread.ofPlatform().daemon().name("colours-finish").start(this::finish);
    try {
      finishing.join(FINISH_LIMIT.toMillis());
    } catch (InterruptedException impossible) {
      throw new IllegalStateException("nothing interrupts this thread", impossible);
    }
  }

  /** Returns whether standard output is a terminal on which the last line has no end yet. */
  synchronized boolean isInLine() {
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
