package io.gpurunner.agent.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.log.LogRecord.Kind;
import io.gpurunner.agent.log.LogRecord.Signature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Writes the log of one run. After a crash it goes on behind the last record that is there whole.
 * Of a long log, the segments between the kept beginning and the kept end are removed. After an
 * {@link IOException} the log is broken: it has to be closed, and opened again. Thread-safe, but
 * there is one writer of a directory at a time.
 */
final class RunLog implements AutoCloseable {
  private static final int BUFFER_BYTES = 64 << 10;

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private final Path directory;
  private final RunLogLimits limits;
  private final LogTally tally;
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Sized> earlier = new ArrayList<>();
  private final ByteBuffer texts = ByteBuffer.allocate(BUFFER_BYTES);
  private final ByteBuffer records = ByteBuffer.allocate(BUFFER_BYTES);
  private Open last;
  private boolean unsynced;
  private boolean sealed;
  private boolean lineOpen;
  private Optional<LogRecord> newest = Optional.empty();
  private boolean broken;
  private long writtenAtNanos = System.nanoTime() - RunLogLimits.FLUSH_INTERVAL.toNanos();
  private volatile long end;

  /**
   * A segment that is complete, and its size.
   *
   * @param end the number after its last record
   */
  private record Sized(LogSegment segment, long bytes, long end) {
    static Sized of(LogSegment segment) throws IOException {
      long indexBytes = Files.size(segment.index());
      return new Sized(
          segment,
          Files.size(segment.text()) + indexBytes,
          segment.first() + indexBytes / LogRecord.BYTES);
    }

    long textBytes() {
      return bytes - (end - segment.first()) * LogRecord.BYTES;
    }
  }

  /** The segment that is written to. */
  private static final class Open {
    private final LogSegment segment;
    private final FileChannel text;
    private final FileChannel index;
    private int textBytes;
    private int count;

    Open(LogSegment segment) throws IOException {
      this.segment = segment;
      this.text = channel(segment.text());
      try {
        this.index = channel(segment.index());
      } catch (IOException e) {
        text.close();
        throw e;
      }
    }

    /** The index is created after the text, so a segment that is seen has both. */
    private static FileChannel channel(Path file) throws IOException {
      return FileChannel.open(
          file,
          Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
          OWNER_ONLY);
    }

    long size() {
      return textBytes + (long) count * LogRecord.BYTES;
    }

    long next() {
      return segment.first() + count;
    }

    /** Forgets what a crash has left behind the last whole record. */
    void cutTo(List<LogRecord> whole) throws IOException {
      count = whole.size();
      textBytes = whole.isEmpty() ? 0 : whole.getLast().offset() + whole.getLast().length();
      index.truncate((long) count * LogRecord.BYTES);
      text.truncate(textBytes);
      index.position(index.size());
      text.position(text.size());
    }

    void sync() throws IOException {
      text.force(false);
      index.force(false);
    }

    void close() throws IOException {
      try (text;
          index) {
        // Both are closed, also if one of them fails.
      }
    }
  }

  private RunLog(Path directory, RunLogLimits limits, LogTally tally) throws IOException {
    this.directory = directory;
    this.limits = limits;
    this.tally = tally;
    this.last = recovered();
  }

  /**
   * Opens the log in a directory. The directory is created if it is not there, but not the one
   * above: the files of a job that were removed do not come back.
   *
   * @param tally counts what the log takes and loses
   */
  static RunLog open(Path directory, RunLogLimits limits, LogTally tally) throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    return new RunLog(directory, limits, tally);
  }

  /** Opens a log whose counts nobody asks for. */
  static RunLog open(Path directory, RunLogLimits limits) throws IOException {
    return open(directory, limits, new LogTally());
  }

  private Open recovered() throws IOException {
    LogSegment.removeHalves(directory);
    List<LogSegment> found = LogSegment.in(directory);
    if (found.isEmpty()) {
      return new Open(new LogSegment(directory, 0));
    }
    for (LogSegment segment : found.subList(0, found.size() - 1)) {
      earlier.add(Sized.of(segment));
    }
    Open open = new Open(found.getLast());
    try {
      List<LogRecord> whole = wholeRecords(open);
      open.cutTo(whole);
      end = open.next();
      newest = whole.isEmpty() ? lastOfEarlier() : Optional.of(whole.getLast());
      sealed = newest.filter(record -> record.kind() == Kind.END).isPresent();
      lineOpen = newest.filter(LogRecord::partial).isPresent();
      return open;
    } catch (IOException e) {
      open.close();
      throw e;
    }
  }

  /** Returns the record before the last segment, if nothing was removed between. */
  private Optional<LogRecord> lastOfEarlier() throws IOException {
    if (earlier.isEmpty()) {
      return Optional.empty();
    }
    List<LogRecord> records = earlier.getLast().segment().records();
    return records.isEmpty() || records.getLast().seq() + 1 != end
        ? Optional.empty()
        : Optional.of(records.getLast());
  }

  /** Returns the records of a segment whose text is there, up to the first where it is not. */
  private static List<LogRecord> wholeRecords(Open open) throws IOException {
    List<LogRecord> all = open.segment.records(open.segment.first(), Integer.MAX_VALUE);
    ByteBuffer text = ByteBuffer.allocate(Math.toIntExact(open.text.size()));
    while (text.hasRemaining() && open.text.read(text, text.position()) > 0) {
      // One read may bring a part of it.
    }
    int expected = 0;
    for (int index = 0; index < all.size(); index++) {
      LogRecord record = all.get(index);
      boolean whole =
          record.offset() == expected
              && expected + record.length() <= text.position()
              && LogRecord.crcOf(text.array(), expected, record.length()) == record.crc();
      if (!whole) {
        return all.subList(0, index);
      }
      expected += record.length();
    }
    return all;
  }

  /** Adds a piece of output. It can be read after the next {@link #flush}. */
  void append(OutputPiece piece) throws IOException {
    byte[] bytes = piece.bytes();
    boolean partial = bytes.length == 0 || bytes[bytes.length - 1] != '\n';
    lock.lock();
    try {
      add(piece.at(), Kind.of(piece.stream()), bytes, partial);
      lineOpen = partial;
    } finally {
      lock.unlock();
    }
    tally.written(bytes.length);
  }

  /** Notes that some output is missing here, and why. */
  void gap(Instant at, LogGap why) throws IOException {
    lock.lock();
    try {
      String line = (lineOpen ? "\n" : "") + why.line();
      add(at, Kind.GAP, line.getBytes(UTF_8), false);
      lineOpen = false;
    } finally {
      lock.unlock();
    }
    tally.gap(why);
  }

  /** Notes that the log is complete, and syncs it. Idempotent. */
  void seal(Instant at) throws IOException {
    lock.lock();
    try {
      if (!sealed) {
        add(at, Kind.END, new byte[0], false);
        sealed = true;
      }
    } finally {
      lock.unlock();
    }
    sync();
  }

  boolean isSealed() {
    lock.lock();
    try {
      return sealed;
    } finally {
      lock.unlock();
    }
  }

  private void add(Instant at, Kind kind, byte[] bytes, boolean partial) throws IOException {
    if (sealed) {
      throw new IOException("the log is complete: " + directory);
    }
    if (broken) {
      throw new IOException("the log could not be written before: " + directory);
    }
    broken = true; // until all is well
    addWhole(at, kind, bytes, partial);
    broken = false;
  }

  private void addWhole(Instant at, Kind kind, byte[] bytes, boolean partial) throws IOException {
    if (last.size() >= limits.segmentBytes()) {
      beginSegment();
    }
    if (texts.remaining() < bytes.length || records.remaining() < LogRecord.BYTES) {
      write();
    }
    Signature signature = new Signature(at, kind, bytes.length, LogRecord.crcOf(bytes));
    LogRecord record =
        new LogRecord(
            last.next(),
            at,
            kind,
            last.textBytes,
            bytes.length,
            signature.crc(),
            partial,
            repeatsBefore(signature));
    record.writeTo(records);
    newest = Optional.of(record);
    if (bytes.length <= texts.remaining()) {
      texts.put(bytes);
    } else {
      writeAll(last.text, ByteBuffer.wrap(bytes)); // longer than the buffer, which is empty
    }
    last.textBytes += bytes.length;
    last.count++;
  }

  private int repeatsBefore(Signature piece) {
    return newest
        .filter(before -> before.kind().isOutput() && before.signature().equals(piece))
        .map(before -> before.repeats() + 1)
        .orElse(0);
  }

  /** Writes what was added, so that readers find it. */
  void flush() throws IOException {
    lock.lock();
    try {
      if (!broken) {
        broken = true; // until all is well
        write();
        broken = false;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Writes what was added, unless another thread is busy with this log. */
  void flushIfFree() throws IOException {
    if (lock.tryLock()) {
      try {
        flush();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Writes what was added, unless something was written just now. Engines send each line by itself,
   * and to write thousands of lines one by one takes more time than to read them. Somebody calls
   * {@link #flushIfFree} soon.
   */
  void flushUnlessJustDone() throws IOException {
    lock.lock();
    try {
      if (System.nanoTime() - writtenAtNanos >= RunLogLimits.FLUSH_INTERVAL.toNanos()) {
        flush();
      }
    } finally {
      lock.unlock();
    }
  }

  private void write() throws IOException {
    if (records.position() == 0) {
      return;
    }
    writtenAtNanos = System.nanoTime();
    writeAll(last.text, texts.flip());
    texts.clear();
    writeAll(last.index, records.flip());
    records.clear();
    unsynced = true;
    end = last.next();
  }

  private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Writes what was added to disk. Others may add and read meanwhile. */
  void sync() throws IOException {
    Open open;
    lock.lock();
    try {
      flush();
      if (!unsynced) {
        return;
      }
      unsynced = false;
      open = last;
    } finally {
      lock.unlock();
    }
    try {
      open.sync();
    } catch (ClosedChannelException complete) {
      return; // the segment was synced when it was complete
    }
  }

  private void beginSegment() throws IOException {
    write();
    last.sync();
    last.close();
    earlier.add(new Sized(last.segment, last.size(), last.next()));
    last = new Open(new LogSegment(directory, last.next()));
    last.cutTo(List.of()); // a crash may have left one file of two
    unsynced = false;
    try (FileChannel folder = FileChannel.open(directory, StandardOpenOption.READ)) {
      folder.force(true);
    }
    dropMiddle();
  }

  /** Removes the oldest segments of those that belong neither to the beginning nor to the end. */
  private void dropMiddle() throws IOException {
    int head = 0;
    for (long bytes = 0; head < earlier.size() && bytes < limits.headBytes(); head++) {
      bytes += earlier.get(head).bytes();
    }
    long kept = earlier.subList(head, earlier.size()).stream().mapToLong(Sized::bytes).sum();
    while (head < earlier.size() && kept - earlier.get(head).bytes() >= limits.tailBytes()) {
      Sized dropped = earlier.remove(head);
      kept -= dropped.bytes();
      dropped.segment().delete();
      tally.dropped(dropped.textBytes());
      if (earlier.get(head - 1).end() == dropped.segment().first()) {
        tally.gap(LogGap.LENGTH); // the first that goes; all that go later widen this gap
      }
    }
  }

  /** Returns the number after the last record that readers find. */
  long end() {
    return end;
  }

  /**
   * Returns the last pieces of output, oldest first: at least so many as asked for, if there are so
   * many since the last gap, and so many more that the first has another time than the one before
   * it. Engines give the parts of one line the same time. Equal pieces that follow one another are
   * all there, also those whose segments were removed. Otherwise their number would not be known.
   * More than {@link RunLogLimits#MOST_EQUAL} are not counted: no engine has kept so many.
   */
  List<Signature> lastOutput(int atLeast) throws IOException {
    lock.lock();
    try {
      flush();
      return lastWritten(atLeast);
    } finally {
      lock.unlock();
    }
  }

  private List<Signature> lastWritten(int atLeast) throws IOException {
    Deque<Signature> found = new ArrayDeque<>();
    long before = Long.MAX_VALUE; // the number that the next older record must have
    List<LogSegment> segments = new ArrayList<>(earlier.stream().map(Sized::segment).toList());
    segments.add(last.segment);
    for (LogSegment segment : segments.reversed()) {
      for (LogRecord record : segment.records().reversed()) {
        if (record.seq() > before) {
          continue; // it is one of the equal pieces
        }
        boolean enough =
            found.size() >= RunLogLimits.MOST_COMPARED
                || (found.size() >= atLeast && !record.at().equals(found.getFirst().at()));
        boolean missing = record.seq() < before || record.kind() == Kind.GAP;
        if (!found.isEmpty() && (enough || missing)) {
          return List.copyOf(found);
        }
        before = record.seq() - 1;
        if (record.kind().isOutput()) {
          int equal = Math.min(1 + record.repeats(), RunLogLimits.MOST_EQUAL);
          Collections.nCopies(equal, record.signature()).forEach(found::addFirst);
          before -= record.repeats();
        }
      }
    }
    return List.copyOf(found);
  }

  /** Writes what was added, and closes the files. */
  @Override
  public void close() throws IOException {
    lock.lock();
    try {
      flush();
    } finally {
      try {
        last.close();
      } finally {
        lock.unlock();
      }
    }
  }
}
