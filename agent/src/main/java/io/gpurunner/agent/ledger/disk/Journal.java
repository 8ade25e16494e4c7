package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListSet;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The groups that were recorded since a snapshot, in segments that follow one another. It is the
 * record: a group that is in it, synced, may be answered. Beside the segments lies a spare one,
 * whose room is already taken from the disk: the journal goes on in it where a segment is full or
 * fails, also on a disk that has no room left.
 *
 * <p>A segment begins with the group that the first of its groups is. What the segment before it
 * holds from that number on is void: it was written, and its sync failed. So a sync that failed is
 * never believed. Appending is for one thread; {@link #makeSpare} and {@link #dropBefore} are for
 * another.
 */
final class Journal implements AutoCloseable {
  /** The length of a segment: about 4,000 new jobs. */
  static final int SEGMENT_BYTES = 8 << 20;

  static final int FORM = 1;

  /** The longest that the beginning of a segment can be. */
  private static final int BEGINNING_BYTES = 256;

  private static final String SPARE = "spare";
  private static final String PART = ".part";

  private static final Logger log = LoggerFactory.getLogger(Journal.class);

  private final LedgerPlace place;
  private final int segmentBytes;
  private final String ledger;

  /** Held while the spare segment is made, or taken. */
  private final Object spareLock = new Object();

  private final NavigableSet<Long> firsts = new ConcurrentSkipListSet<>();
  private Optional<Segment> current = Optional.empty();
  private long last;
  private volatile boolean spare;

  private Journal(LedgerPlace place, int segmentBytes, String ledger, long last) {
    this.place = place;
    this.segmentBytes = segmentBytes;
    this.ledger = ledger;
    this.last = last;
  }

  /**
   * Opens the journal of a ledger. What its newest segment holds is written to another file first,
   * in which the journal goes on: a process that was killed may have left it in memory, and a sync
   * of it could be one that only says that it was done.
   *
   * @param ledger the name of the ledger that the newest snapshot is of; any where there is none
   * @param snapshot the number of the newest snapshot; 0 where there is none
   * @throws IOException also where a segment is damaged, naming it
   */
  static Journal open(LedgerPlace place, int segmentBytes, String ledger, long snapshot)
      throws IOException {
    place.deleteAll("", PART);
    List<Long> firsts = firsts(place);
    if (firsts.isEmpty()) {
      return new Journal(place, segmentBytes, ledger, snapshot).opened(firsts);
    }
    FilePath newest = place.file(Segment.name(firsts.getLast()));
    Segment.Content content = whole(place, newest);
    if (snapshot > 0 && !content.header().ledger().equals(ledger)) {
      if (content.last() > snapshot) {
        throw new IOException(newest.getName() + " is of another ledger than the snapshots");
      }
      place.deleteAll(Segment.PREFIX, ""); // a restore was cut short
      return new Journal(place, segmentBytes, ledger, snapshot).opened(List.of());
    }
    Journal journal =
        new Journal(
                place, segmentBytes, content.header().ledger(), Math.max(snapshot, content.last()))
            .opened(firsts);
    journal.goOnWith(newest, content);
    return journal;
  }

  private Journal opened(List<Long> found) {
    firsts.addAll(found);
    spare = place.file(SPARE).size() >= segmentBytes;
    return this;
  }

  /** The numbers of the first groups of the segments, in order. */
  static List<Long> firsts(LedgerPlace place) throws IOException {
    return numbers(place, Segment.PREFIX);
  }

  /** The numbers that end the names of some files, in order. */
  static List<Long> numbers(LedgerPlace place, String prefix) throws IOException {
    return place.names().stream()
        .filter(name -> name.matches(prefix + "[0-9]{16}"))
        .map(name -> Long.parseLong(name.substring(prefix.length())))
        .sorted()
        .toList();
  }

  private static Segment.Content whole(LedgerPlace place, FilePath file) throws IOException {
    Segment.Content content = Segment.read(place, file);
    if (content.damaged().isPresent()) {
      throw new IOException(
          file.getName()
              + " is damaged: group "
              + content.damaged().getAsLong()
              + " is not whole, and there are groups behind it");
    }
    return content;
  }

  private void goOnWith(FilePath file, Segment.Content content) throws IOException {
    long first = content.header().first();
    ByteBuffer groups = ByteBuffer.allocate(content.end());
    for (Frame group : content.groups()) {
      groups.put(Frame.bytes(group.number(), group.content()));
    }
    current = Optional.of(begin(file, first, groups.flip()));
  }

  /** The name of this ledger, which no other has. */
  String ledger() {
    return ledger;
  }

  /** The number of the newest group. */
  long last() {
    return last;
  }

  /** The number of the oldest group that can be read; one more than the last where none can be. */
  long first() {
    return firsts.isEmpty() ? last + 1 : firsts.first();
  }

  /**
   * Records a group as the next one, and returns once it is on disk.
   *
   * @throws IOException if it is not known whether the group is on disk
   */
  void append(List<Entry> entries) throws IOException {
    ByteBuffer frame = Frame.bytes(last + 1, GroupContent.write(entries));
    if (current.isPresent() && current.get().hasRoom(frame.remaining())) {
      try {
        write(current.get(), frame.duplicate());
        last++;
        return;
      } catch (IOException e) {
        log.error("a segment of the journal failed, going on in the next: {}", e.getMessage());
      }
    }
    closeCurrent();
    appendToNext(frame);
    last++;
  }

  private static void write(Segment segment, ByteBuffer frame) throws IOException {
    segment.append(frame);
    segment.sync();
  }

  private void appendToNext(ByteBuffer frame) throws IOException {
    long first = last + 1;
    current = Optional.of(begin(place.file(Segment.name(first)), first, frame));
    firsts.add(first);
  }

  /** Turns the spare segment into one that holds these groups; returns once it is on disk. */
  private Segment begin(FilePath file, long first, ByteBuffer groups) throws IOException {
    FilePath part = place.file(file.getName() + PART);
    takeSpare(part, BEGINNING_BYTES + groups.remaining());
    Segment begun = Segment.begin(part, new Segment.Header(FORM, ledger, first, part.size()));
    try {
      write(begun, groups);
      place.rename(part, file);
      return begun;
    } catch (IOException e) {
      begun.close();
      place.delete(part);
      throw e;
    }
  }

  /** Gives the spare segment another name. A spare that is too short is made again. */
  private void takeSpare(FilePath name, int bytes) throws IOException {
    synchronized (spareLock) {
      if (!spare || bytes > place.file(SPARE).size()) {
        makeSpare(Math.max(segmentBytes, bytes));
      }
      spare = false;
      place.rename(place.file(SPARE), name);
    }
  }

  private void closeCurrent() {
    current.ifPresent(
        segment -> {
          try {
            segment.close();
          } catch (IOException e) {
            log.warn("a segment of the journal cannot be closed: {}", e.getMessage());
          }
        });
    current = Optional.empty();
  }

  /** Whether there is a spare segment: without, no job may be taken. Thread-safe. */
  boolean hasSpare() {
    return spare;
  }

  /** Makes the spare segment where there is none. */
  void makeSpare() throws IOException {
    synchronized (spareLock) {
      if (!spare) {
        makeSpare(segmentBytes);
      }
    }
  }

  private void makeSpare(int bytes) throws IOException {
    FilePath part = place.file(SPARE + PART);
    try {
      Segment.fill(place, part, bytes);
      place.rename(part, place.file(SPARE));
      spare = true;
    } catch (IOException e) {
      place.delete(part);
      throw e;
    }
  }

  /**
   * Reads the groups that come after one number, up to another.
   *
   * @throws IOException where one of them is not there, or is damaged
   */
  static void forEach(LedgerPlace place, long after, long upTo, Frame.Reader reader)
      throws IOException {
    List<Long> firsts = firsts(place);
    long next = after + 1;
    if (next <= upTo && !firsts.isEmpty() && firsts.getFirst() > next) {
      throw new IOException(
          "the journal begins with group " + firsts.getFirst() + ", and lacks group " + next);
    }
    for (int i = 0; i < firsts.size(); i++) {
      long end = i + 1 < firsts.size() ? firsts.get(i + 1) - 1 : Long.MAX_VALUE;
      long last = Math.min(end, upTo);
      if (next <= last && firsts.get(i) <= upTo) {
        next = forEach(place.file(Segment.name(firsts.get(i))), next, last, reader);
      }
    }
    if (next <= upTo) {
      throw new IOException("the journal ends before group " + next);
    }
  }

  /**
   * Reads groups of one segment. What it holds after the last of them is void: the next segment
   * begins there.
   *
   * @return the number of the group after the last that was read
   */
  private static long forEach(FilePath file, long from, long last, Frame.Reader reader)
      throws IOException {
    long[] next = {from};
    Segment.forEach(
        file,
        frame -> {
          if (frame.number() == next[0] && next[0] <= last) {
            reader.read(frame);
            next[0]++;
          }
        });
    if (next[0] <= last) {
      throw new IOException(file.getName() + " is damaged: group " + next[0] + " is not whole");
    }
    return next[0];
  }

  /** Deletes the segments whose groups all come before that number. */
  void dropBefore(long number) throws IOException {
    for (long first : List.copyOf(firsts)) {
      Long next = firsts.higher(first);
      if (next == null || next > number) {
        return;
      }
      place.delete(place.file(Segment.name(first)));
      firsts.remove(first);
    }
  }

  /**
   * The number of the last group of a full segment.
   *
   * @param number a group that the segment comes after
   * @param segments which one at most: 1 for the first full one after the group
   */
  long lastOfFullAfter(long number, int segments) {
    List<Long> after = List.copyOf(firsts.tailSet(number, false));
    return after.get(Math.min(segments, after.size() - 1)) - 1;
  }

  /** How many segments that begin after a group are full. */
  int fullSegmentsAfter(long number) {
    return Math.max(0, firsts.tailSet(number, false).size() - 1);
  }

  @Override
  public void close() {
    try {
      if (current.isPresent() && current.get().hasRoom(Segment.end().remaining())) {
        write(current.get(), Segment.end());
      }
    } catch (IOException e) {
      log.warn("a segment of the journal cannot be ended: {}", e.getMessage());
    }
    closeCurrent();
  }
}
