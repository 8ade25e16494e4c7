package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots of a ledger, of which the two newest are kept, and with them the journal since the
 * older one: so one damaged file costs nothing. A snapshot is the one before and the groups since,
 * put together. Stateless.
 */
final class Snapshots {
  static final String PREFIX = "snapshot-";
  private static final String PART = ".part";
  private static final int KEPT = 2;

  private static final Logger log = LoggerFactory.getLogger(Snapshots.class);

  private Snapshots() {}

  static FilePath file(LedgerPlace place, long number) {
    return place.file(PREFIX + String.format("%016d", number));
  }

  /** The numbers of the last groups that the snapshots hold, in order. */
  static List<Long> numbers(LedgerPlace place) throws IOException {
    return Journal.numbers(place, PREFIX);
  }

  /**
   * All that the ledger keeps, up to some group, from the newest snapshot that is whole and the
   * journal since.
   *
   * @param upTo the number of the last group that counts
   * @param target takes the jobs, by their sequences
   * @return the number of the snapshot that was read; 0 for none
   * @throws IOException where neither a snapshot and the groups since, nor the journal from its
   *     beginning on, are whole
   */
  static long readAll(LedgerPlace place, long upTo, Target target) throws IOException {
    List<Long> numbers = numbers(place).stream().filter(number -> number <= upTo).toList();
    IOException failure = null;
    for (long number : numbers.reversed()) {
      try {
        read(place, number, upTo, target);
        return number;
      } catch (IOException e) {
        log.error("a snapshot of the ledger is passed over: {}", e.getMessage());
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null && Journal.firsts(place).stream().noneMatch(first -> first == 1)) {
      throw failure;
    }
    read(place, 0, upTo, target);
    return 0;
  }

  /** What takes the jobs of a ledger. */
  interface Target {
    /** The jobs come now, perhaps once more from the beginning. */
    void begin() throws IOException;

    void take(JobRecord job) throws IOException;
  }

  /**
   * @param number of a snapshot; 0 for none, with nothing in it
   */
  private static void read(LedgerPlace place, long number, long upTo, Target target)
      throws IOException {
    GroupChanges changes = new GroupChanges();
    Journal.forEach(place, number, upTo, changes::add);
    target.begin();
    if (number > 0) {
      Snapshot.read(
          file(place, number),
          job -> {
            Optional<JobRecord> after = changes.after(job);
            if (after.isPresent()) {
              target.take(after.get());
            }
          });
    }
    for (JobRecord created : changes.created()) {
      target.take(created);
    }
  }

  /** Writes the snapshot of a new ledger, which has nothing in it. */
  static void makeFirst(LedgerPlace place, String ledger) throws IOException {
    FilePath file = file(place, 0);
    FilePath part = place.file(file.getName() + PART);
    Snapshot.Header header = new Snapshot.Header(Journal.FORM, ledger, 0);
    try (Snapshot.Writer writer = new Snapshot.Writer(place.create(part), header)) {
      writer.end();
    }
    place.rename(part, file);
  }

  /**
   * Writes a snapshot up to that group. The one that it was made of is kept, and all others go: what
   * is newer than that one is damaged.
   *
   * @return the number of the group from which on the journal must be kept
   */
  static long make(LedgerPlace place, String ledger, long number) throws IOException {
    FilePath file = file(place, number);
    FilePath part = place.file(file.getName() + PART);
    Made made = write(place, new Snapshot.Header(Journal.FORM, ledger, number), place, part);
    place.rename(part, file);
    deleteOthers(place, number, made.base());
    return made.base() + 1;
  }

  /** Deletes all snapshots but these. */
  static void deleteOthers(LedgerPlace place, Long... kept) throws IOException {
    for (long number : numbers(place)) {
      if (!List.of(kept).contains(number)) {
        place.delete(file(place, number));
      }
    }
  }

  /**
   * What was written.
   *
   * @param base the number of the snapshot that it was made of; 0 for none
   */
  record Made(Snapshot.End end, long base) {}

  /** Writes all that a ledger keeps, up to the group in the header, to a file; returns once that is on disk. */
  static Made write(LedgerPlace place, Snapshot.Header header, LedgerPlace to, FilePath part)
      throws IOException {
    try (WriterTarget target = new WriterTarget(to, part, header)) {
      long base = readAll(place, header.number(), target);
      return new Made(target.end(), base);
    } catch (IOException e) {
      to.delete(part);
      throw e;
    }
  }

  private static final class WriterTarget implements Target, AutoCloseable {
    private final LedgerPlace place;
    private final FilePath part;
    private final Snapshot.Header header;
    private Optional<Snapshot.Writer> writer = Optional.empty();

    WriterTarget(LedgerPlace place, FilePath part, Snapshot.Header header) {
      this.place = place;
      this.part = part;
      this.header = header;
    }

    @Override
    public void begin() throws IOException {
      close();
      writer = Optional.of(new Snapshot.Writer(place.create(part), header));
    }

    @Override
    public void take(JobRecord job) throws IOException {
      writer.orElseThrow().write(job);
    }

    Snapshot.End end() throws IOException {
      return writer.orElseThrow().end();
    }

    @Override
    public void close() throws IOException {
      if (writer.isPresent()) {
        writer.get().close();
      }
    }
  }
}
