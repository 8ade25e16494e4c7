package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
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
   * Reads all that the ledger keeps, up to some group, from the newest snapshot that is whole and
   * the journal since.
   *
   * @param upTo the number of the last group that counts
   * @return the number of the snapshot that was read
   * @throws IOException where no snapshot and the groups since are whole
   */
  static long readAll(LedgerPlace place, long upTo, Target target) throws IOException {
    return fromNewestWhole(
        place,
        upTo,
        (snapshot, changes) -> {
          target.begin(Math.max(snapshot.end().newest(), changes.newest()));
          for (Snapshot.Part part : Snapshot.Part.values()) {
            snapshot.read(
                part,
                frame -> {
                  if (changes.isUntouched(frame.number())) {
                    target.take(part, frame);
                  } else {
                    take(changes.after(Snapshot.job(frame)), target);
                  }
                });
          }
          for (JobRecord created : changes.created()) {
            target.take(created);
          }
        });
  }

  private static void take(Optional<JobRecord> job, Target target) throws IOException {
    if (job.isPresent()) {
      target.take(job.get());
    }
  }

  /** What takes the jobs of a ledger. */
  interface Target {
    /**
     * The jobs come now, perhaps once more from the beginning.
     *
     * @param newest the highest sequence of a job that there was
     */
    void begin(long newest) throws IOException;

    /** Takes a job as a snapshot has it. */
    void take(Snapshot.Part part, Frame job) throws IOException;

    void take(JobRecord job) throws IOException;
  }

  /**
   * Reads the jobs that must be in memory, as they are after some group. Of the others nothing is
   * read, but where one of them lives again.
   */
  static Needed readNeeded(LedgerPlace place, long upTo) throws IOException {
    Map<Long, JobRecord> needed = new TreeMap<>();
    long[] newest = {0};
    fromNewestWhole(
        place,
        upTo,
        (snapshot, changes) -> {
          needed.clear();
          newest[0] = Math.max(snapshot.end().newest(), changes.newest());
          Set<Long> revived = changes.revived();
          Snapshot.Reader reader =
              frame -> {
                revived.remove(frame.number());
                changes
                    .after(Snapshot.job(frame))
                    .filter(JobRecord::isNeeded)
                    .ifPresent(job -> needed.put(frame.number(), job));
              };
          snapshot.read(Snapshot.Part.OWED, reader);
          snapshot.read(Snapshot.Part.LIVE, reader);
          if (!revived.isEmpty()) {
            snapshot.read(
                Snapshot.Part.SETTLED,
                frame -> {
                  if (revived.contains(frame.number())) {
                    reader.read(frame);
                  }
                });
          }
          for (JobRecord created : changes.created()) {
            if (created.isNeeded()) {
              needed.put(created.job().sequence(), created);
            }
          }
        });
    return new Needed(List.copyOf(needed.values()), newest[0]);
  }

  private interface Use {
    void read(Snapshot snapshot, GroupChanges changes) throws IOException;
  }

  private static long fromNewestWhole(LedgerPlace place, long upTo, Use use) throws IOException {
    IOException failure = new IOException("there is no snapshot up to group " + upTo);
    for (long number : numbers(place).reversed()) {
      if (number <= upTo) {
        try (Snapshot snapshot = Snapshot.open(file(place, number))) {
          GroupChanges changes = new GroupChanges();
          Journal.forEach(place, number, upTo, changes::add);
          use.read(snapshot, changes);
          return number;
        } catch (IOException e) {
          log.error("a snapshot of the ledger is passed over: {}", e.getMessage());
          failure.addSuppressed(e);
        }
      }
    }
    throw failure.getSuppressed().length == 0 ? failure : (IOException) failure.getSuppressed()[0];
  }

  /** Writes the snapshot of a new ledger, which has nothing in it. */
  static void makeFirst(LedgerPlace place, String ledger) throws IOException {
    FilePath file = file(place, 0);
    FilePath part = place.file(file.getName() + PART);
    Snapshot.Header header = new Snapshot.Header(Journal.FORM, ledger, 0);
    try (Snapshot.Writer writer = new Snapshot.Writer(place.create(part), header, 0)) {
      writer.end();
    }
    place.rename(part, file);
  }

  /**
   * Writes a snapshot up to that group. The one that it was made of is kept, and all others go:
   * what is newer than that one is damaged.
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
   * @param base the number of the snapshot that it was made of
   */
  record Made(Snapshot.End end, long base) {}

  /**
   * Writes all that a ledger keeps, up to the group in the header, to a file; returns once that is
   * on disk.
   */
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
    public void begin(long newest) throws IOException {
      close();
      writer = Optional.of(new Snapshot.Writer(place.create(part), header, newest));
    }

    @Override
    public void take(Snapshot.Part part, Frame job) throws IOException {
      writer.orElseThrow().write(part, job);
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
