package io.gpurunner.agent.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.log.LogRecord.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Reads the log of one run, also while it is written. Several readers read the same files, each at
 * its own place. It holds no file open between two calls. For one thread at a time.
 */
public final class LogReader {
  /** The most entries of one call. */
  static final int MOST_ENTRIES = 1000;

  /** The most bytes of one call. One entry may be longer. */
  static final int MOST_BYTES = 256 << 10;

  /** How often a call begins again because a segment was removed meanwhile. */
  private static final int TRIES = 5;

  private final Path directory;
  private final Predicate<LogRecord> wanted;
  private long next;
  private boolean sealed;

  /**
   * What one call has read.
   *
   * @param entries in order; it can be empty although more follows, if none of them is wanted
   * @param more whether more can be read now
   */
  public record Batch(List<LogEntry> entries, boolean more) {}

  private LogReader(Path directory, long next, Predicate<LogRecord> wanted) {
    this.directory = directory;
    this.next = next;
    this.wanted = wanted;
  }

  /**
   * Reads from an entry on.
   *
   * @param seq the number of the first entry
   * @param since entries from before are left out
   * @param stderr empty for both streams, otherwise whether standard error is read or standard
   *     output
   */
  public static LogReader from(
      Path directory, long seq, Optional<Instant> since, Optional<Boolean> stderr) {
    Predicate<LogRecord> time = record -> since.filter(record.at()::isBefore).isEmpty();
    Predicate<LogRecord> stream =
        record ->
            !record.kind().isOutput()
                || stderr.filter(is -> is != (record.kind() == Kind.STDERR)).isEmpty();
    return new LogReader(directory, seq, time.and(stream));
  }

  /**
   * Returns the number of the entry with which the last lines begin.
   *
   * @param stderr as in {@link #from}
   */
  public static long startOfLast(int lines, Path directory, Optional<Boolean> stderr)
      throws IOException {
    Predicate<LogRecord> counted =
        from(directory, 0, Optional.empty(), stderr).wanted.and(record -> record.kind().isOutput());
    long start = end(directory);
    int found = 0;
    boolean first = true;
    for (LogSegment segment : LogSegment.in(directory).reversed()) {
      for (LogRecord record : segment.records().reversed()) {
        if (!counted.test(record)) {
          continue;
        }
        if (first || !record.partial()) {
          if (found == lines) {
            return start;
          }
          found++;
          first = false;
        }
        start = record.seq();
      }
    }
    return start;
  }

  /** Returns the number after the last entry. */
  private static long end(Path directory) throws IOException {
    List<LogSegment> segments = LogSegment.in(directory);
    return segments.isEmpty()
        ? 0
        : segments.getLast().first() + segments.getLast().records().size();
  }

  /** Returns whether the end of the log was read. Nothing follows then. */
  public boolean isAtEnd() {
    return sealed;
  }

  /** Returns the number of the entry that is read next. */
  public long position() {
    return next;
  }

  /** Reads on. Never waits for more to be written. */
  public Batch read() throws IOException {
    for (int tries = 1; ; tries++) {
      try {
        return tryToRead();
      } catch (NoSuchFileException | EOFException dropped) {
        if (tries == TRIES) {
          throw dropped;
        }
      }
    }
  }

  private Batch tryToRead() throws IOException {
    List<LogSegment> segments = LogSegment.in(directory);
    for (LogSegment segment : segments) {
      boolean last = segment.equals(segments.getLast());
      if (!last && isBehind(segment, segments)) {
        continue;
      }
      if (next < segment.first()) {
        return new Batch(List.of(missingUntil(segment.first())), true);
      }
      List<LogRecord> records = segment.records(next, MOST_ENTRIES);
      if (!records.isEmpty()) {
        return read(segment, records);
      }
    }
    return new Batch(List.of(), false);
  }

  /** Returns whether the next entry is in a later segment, as far as the names tell. */
  private boolean isBehind(LogSegment segment, List<LogSegment> segments) {
    return segments.get(segments.indexOf(segment) + 1).first() <= next;
  }

  private LogEntry missingUntil(long first) {
    String why = LogGap.LENGTH.line().formatted(first - next);
    byte[] bytes = why.getBytes(UTF_8);
    LogRecord record =
        new LogRecord(first - 1, Instant.EPOCH, Kind.GAP, 0, bytes.length, 0, false, 0);
    next = first;
    return new LogEntry(record, bytes);
  }

  private Batch read(LogSegment segment, List<LogRecord> records) throws IOException {
    List<LogRecord> taken = new ArrayList<>();
    long bytes = 0;
    for (LogRecord record : records) {
      if (!taken.isEmpty() && bytes + record.length() > MOST_BYTES) {
        break;
      }
      taken.add(record);
      bytes += record.length();
    }
    List<LogEntry> entries = new ArrayList<>();
    LogRecord first = taken.getFirst();
    ByteBuffer text = text(segment, first.offset(), Math.toIntExact(bytes));
    for (LogRecord record : taken) {
      if (record.kind() == Kind.END) {
        sealed = true;
      } else if (wanted.test(record)) {
        byte[] own = new byte[record.length()];
        text.get(record.offset() - first.offset(), own);
        entries.add(new LogEntry(record, own));
      }
    }
    next = taken.getLast().seq() + 1;
    return new Batch(entries, !sealed);
  }

  private static ByteBuffer text(LogSegment segment, int offset, int length) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(length);
    try (FileChannel file = FileChannel.open(segment.text(), StandardOpenOption.READ)) {
      while (text.hasRemaining()) {
        if (file.read(text, offset + (long) text.position()) < 0) {
          throw new EOFException(segment.text() + " is shorter than its index says");
        }
      }
    }
    return text;
  }
}
