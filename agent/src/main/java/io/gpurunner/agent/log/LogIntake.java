package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerOutput.Part;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import io.gpurunner.agent.log.LogRecord.Signature;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Copies a container's output from the engine to a log: every piece that the engine keeps, once and
 * in order, whatever the log has already. For one thread.
 */
final class LogIntake {
  /** The number of pieces by which the log and the engine's output are compared. */
  static final int COMPARED = 1000;

  /** How many times as much is read if the known pieces are not in a part. */
  private static final int LARGER = 8;

  /** A larger part is not asked for: then all is read. */
  private static final int MOST_OF_A_PART = 1_000_000;

  private final ContainerOutput output;
  private final ContainerRef container;
  private final RunLog log;
  private final OpenReading open;

  /**
   * @param open is given each reading before the engine is asked, so that another thread can close
   *     it
   */
  LogIntake(ContainerOutput output, ContainerRef container, RunLog log, OpenReading open) {
    this.output = output;
    this.container = container;
    this.log = log;
    this.open = open;
  }

  private OutputReading read(Part part, boolean follow) {
    OutputReading reading = output.read(container, part, follow);
    open.set(reading);
    return reading;
  }

  /**
   * Adds all that the engine has and the log lacks. Most often, this is in its last few pieces.
   *
   * @throws ContainerException if the engine fails
   * @throws IOException if the log cannot be written
   */
  void catchUp() throws IOException {
    List<Signature> known = log.lastOutput(COMPARED);
    if (known.isEmpty()) {
      append(new LogAligner.Overlap(0, Optional.empty(), false));
      return;
    }
    int largest = isClear(known) ? MOST_OF_A_PART : 0;
    for (int pieces = 2 * known.size(); pieces < largest; pieces *= LARGER) {
      if (appendAfter(new Part.Last(pieces), new LogAligner(known))) {
        return;
      }
    }
    LogAligner whole = new LogAligner(known);
    if (!appendAfter(new Part.All(), whole)) {
      append(whole.overlap());
    }
  }

  /**
   * Returns whether these pieces are found at one place of the output only. Those of one long line
   * have the same time, and can have the same bytes.
   */
  private static boolean isClear(List<Signature> known) {
    return known.stream().map(Signature::at).distinct().limit(2).count() == 2;
  }

  /** Adds what comes after the known pieces. Returns whether these were found. */
  private boolean appendAfter(Part part, LogAligner aligner) throws IOException {
    try (OutputReading reading = read(part, false)) {
      reading.giveTo(
          piece -> {
            if (aligner.isAligned()) {
              log.append(piece);
            } else {
              aligner.see(Signature.of(piece));
            }
            return true;
          });
    }
    log.flush();
    return aligner.isAligned();
  }

  /** Adds what the engine has after the pieces that the log has. */
  private void append(LogAligner.Overlap overlap) throws IOException {
    try (OutputReading reading = read(new Part.All(), false)) {
      reading.giveTo(new Rest(overlap));
    }
    log.flush();
  }

  /** Takes the pieces of the whole output, and adds those after an overlap. */
  private final class Rest implements OutputReading.Taker<IOException> {
    private final LogAligner.Overlap overlap;
    private Optional<Signature> before = Optional.empty();
    private long seen;

    Rest(LogAligner.Overlap overlap) {
      this.overlap = overlap;
    }

    @Override
    public boolean take(OutputPiece piece) throws IOException {
      if (seen < overlap.skipped()) {
        before = Optional.of(Signature.of(piece));
      } else {
        if (seen == overlap.skipped()) {
          begin(piece);
        }
        log.append(piece);
      }
      seen++;
      return true;
    }

    private void begin(OutputPiece first) throws IOException {
      if (!before.equals(overlap.last())) {
        throw new ContainerException(
            ContainerException.Kind.FAILED,
            "reading the output of " + container.name(),
            "the engine dropped a part of it meanwhile");
      }
      if (overlap.gap()) {
        log.gap(first.at(), LogGap.ENGINE);
      }
    }
  }

  /** Returns whether the log has the last piece that the engine has. */
  boolean isUpToDate() throws IOException {
    List<Signature> known = log.lastOutput(1);
    try (OutputReading reading = read(new Part.Last(1), false)) {
      return reading
          .next()
          .map(piece -> !known.isEmpty() && known.getLast().equals(Signature.of(piece)))
          .orElse(true);
    }
  }

  /**
   * Adds what the container prints from now on, until the engine ends the reading or it is closed.
   * Nothing is added before the reading has brought what the log ends with. If so much was printed
   * meanwhile that the reading cannot bring that any more, this ends.
   *
   * <p>The caller flushes the log now and then: of lines that come fast, the last ones wait for
   * that.
   *
   * @param took is called after each time that something was added
   */
  void follow(Runnable took) throws IOException {
    List<Signature> known = log.lastOutput(COMPARED);
    boolean clear = isClear(known);
    int reach = clear ? known.size() + COMPARED : Integer.MAX_VALUE;
    LogAligner aligner = new LogAligner(known);
    try (OutputReading reading = read(clear ? new Part.Last(reach) : new Part.All(), true)) {
      reading.giveTo(
          piece -> {
            if (!aligner.isAligned()) {
              aligner.see(Signature.of(piece));
              return aligner.isAligned() || aligner.seen() < reach;
            }
            log.append(piece);
            if (!reading.hasMore()) {
              log.flushUnlessJustDone();
              took.run();
            }
            return true;
          });
    } finally {
      log.flush();
    }
  }
}
