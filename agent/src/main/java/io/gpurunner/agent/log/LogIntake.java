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
    if (!appendEnd(known)) {
      LogAligner whole = new LogAligner(known);
      if (!appendAfter(new Part.All(), whole)) {
        append(whole.overlap());
      }
    }
  }

  /**
   * Adds all that the engine has of a container that has ended and the log lacks. An engine that is
   * killed while it writes a record leaves a part of one, and the next engine writes on behind it.
   * Then a reading that begins before this place ends there, without a failure. The place becomes a
   * gap of the log, and what comes behind it is read from the end of the output.
   *
   * @throws ContainerException if the engine fails
   * @throws IOException if the log cannot be written
   */
  void complete() throws IOException {
    if (appendEnd(log.lastOutput(COMPARED)) && isUpToDate()) {
      return;
    }
    Optional<Part> behind = behindBrokenRecord();
    List<Signature> known = log.lastOutput(COMPARED);
    boolean goesOn = // if the agent came down while it added this part
        behind.isPresent() && !known.isEmpty() && appendAfter(behind.get(), new LogAligner(known));
    if (!goesOn) {
      catchUp();
      if (behind.isPresent()) {
        appendBehindGap(behind.get());
      }
    }
  }

  /**
   * Adds what comes after the known pieces, if these are near the end of the output. If none are
   * known, adds all. Returns whether anything was found to go on from.
   */
  private boolean appendEnd(List<Signature> known) throws IOException {
    if (known.isEmpty()) {
      append(new LogAligner.Overlap(0, Optional.empty(), false));
      return true;
    }
    int largest = isClear(known) ? MOST_OF_A_PART : 0;
    for (int pieces = 2 * known.size(); pieces < largest; pieces *= LARGER) {
      if (appendAfter(new Part.Last(pieces), new LogAligner(known))) {
        return true;
      }
    }
    return false;
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
    return lastOf(new Part.Last(1))
        .map(newest -> !known.isEmpty() && known.getLast().equals(newest))
        .orElse(true);
  }

  private Optional<Signature> lastOf(Part part) {
    return read(part).last();
  }

  /** The pieces of a reading: how many, and the last one. */
  private record Extent(int pieces, Optional<Signature> last) {}

  private Extent read(Part part) {
    int pieces = 0;
    Optional<Signature> last = Optional.empty();
    try (OutputReading reading = read(part, false)) {
      for (Optional<OutputPiece> piece = reading.next();
          piece.isPresent();
          piece = reading.next()) {
        pieces++;
        last = piece.map(Signature::of);
      }
    }
    return new Extent(pieces, last);
  }

  /**
   * Returns the part of an ended output that a reading of all does not reach. It is empty if that
   * reading reaches the last piece.
   */
  private Optional<Part> behindBrokenRecord() {
    Optional<Signature> newest = lastOf(new Part.Last(1));
    if (newest.isEmpty() || lastOf(new Part.All()).equals(newest)) {
      return Optional.empty();
    }
    int reached = 1;
    int tooMany = LARGER;
    while (reaches(newest, tooMany)) {
      reached = tooMany;
      tooMany = Math.multiplyExact(tooMany, LARGER);
    }
    while (tooMany - reached > 1) {
      int middle = reached + (tooMany - reached) / 2;
      if (reaches(newest, middle)) {
        reached = middle;
      } else {
        tooMany = middle;
      }
    }
    return Optional.of(new Part.Last(reached));
  }

  /** Returns whether a reading of so many last pieces ends with the newest one. */
  private boolean reaches(Optional<Signature> newest, int pieces) {
    Extent extent = read(new Part.Last(pieces));
    if (extent.last().equals(newest) && extent.pieces() < pieces) {
      throw new ContainerException(
          ContainerException.Kind.FAILED,
          "reading the output of " + container.name(),
          "the engine ended one answer early and another one not");
    }
    return extent.last().equals(newest);
  }

  private void appendBehindGap(Part part) throws IOException {
    try (OutputReading reading = read(part, false)) {
      Optional<OutputPiece> first = reading.next();
      if (first.isPresent()) {
        log.gap(first.get().at(), LogGap.RECORD);
        log.append(first.get());
        reading.giveTo(
            piece -> {
              log.append(piece);
              return true;
            });
      }
    }
    log.flush();
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
