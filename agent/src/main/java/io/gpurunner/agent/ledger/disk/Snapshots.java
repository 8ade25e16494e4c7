package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.JobState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots of a ledger. The two newest are kept, and with them the journal since the older
 * one, so one damaged file costs nothing. A new one is made of the one before and the groups since.
 * Stateless.
 */
final class Snapshots {
  static final String PREFIX = "snapshot-";
  private static final String PART = ".part";
  private static final int SEGMENTS_AT_A_TIME = 4;

  private static final Logger log = LoggerFactory.getLogger(Snapshots.class);

  private Snapshots() {}

  static FilePath file(LedgerPlace place, long number) {
    return place.file(PREFIX + String.format("%016d", number));
  }

  /** The numbers of the last groups that the snapshots hold, in order. */
  static List<Long> numbers(LedgerPlace place) throws IOException {
    return Journal.numbers(place, PREFIX);
  }

  /** Reads a snapshot. */
  interface Use {
    void read(Snapshot snapshot) throws IOException;
  }

  /**
   * Reads the newest snapshot that is whole. If the reading fails, the snapshot before is read.
   *
   * @param upTo the number of the last group that it may hold
   * @return the number of the snapshot that was read to its end
   */
  static long readNewestWhole(LedgerPlace place, long upTo, Use use) throws IOException {
    List<IOException> failures = new ArrayList<>();
    for (long number : numbers(place).reversed()) {
      if (number <= upTo) {
        try (Snapshot snapshot = Snapshot.open(file(place, number))) {
          use.read(snapshot);
          return number;
        } catch (IOException e) {
          log.error("a snapshot of the ledger is passed over: {}", e.getMessage());
          failures.add(e);
        }
      }
    }
    throw failures.isEmpty()
        ? new IOException("there is no snapshot up to group " + upTo)
        : failures.getFirst();
  }

  // ---- what a start needs

  /**
   * Reads the jobs that must be in memory, as they are after some group. Nothing is read of the
   * others, unless one of them is live again.
   */
  static Needed readNeeded(LedgerPlace place, long upTo) throws IOException {
    Map<Long, JobRecord> needed = new TreeMap<>();
    long[] newest = {0};
    readNewestWhole(
        place,
        upTo,
        snapshot -> {
          needed.clear();
          newest[0] = snapshot.end().newest();
          ParsedInOrder<JobRecord> jobs =
              new ParsedInOrder<>(JobRecord.class, job -> needed.put(job.job().sequence(), job));
          Frame.Reader reader = frame -> jobs.add(frame.content());
          snapshot.read(Snapshot.Part.OWED, reader);
          snapshot.read(Snapshot.Part.LIVE, reader);
          jobs.end();
          Set<Long> revived = new HashSet<>();
          ParsedInOrder<Entry> entries =
              new ParsedInOrder<>(
                  Entry.class,
                  entry -> {
                    newest[0] = Math.max(newest[0], entry.sequence());
                    if (!apply(entry, needed)) {
                      revived.add(entry.sequence());
                    }
                  });
          Journal.forEach(
              place,
              snapshot.header().number(),
              upTo,
              group -> GroupContent.read(group, (_, json) -> entries.add(json)));
          entries.end();
          readRevived(place, upTo, snapshot, revived, needed);
        });
    return new Needed(List.copyOf(needed.values()), newest[0]);
  }

  /**
   * Applies an entry to the jobs that are needed.
   *
   * @return false where the job is live by it, and is not among them
   */
  private static boolean apply(Entry entry, Map<Long, JobRecord> needed) {
    Optional<JobRecord> before = Optional.ofNullable(needed.remove(entry.sequence()));
    JobRecord.after(before, entry)
        .filter(JobRecord::isNeeded)
        .ifPresent(record -> needed.put(entry.sequence(), record));
    return before.isPresent()
        || !(entry instanceof Entry.Changed change && change.state() instanceof JobState.Live);
  }

  /** Puts jobs that had ended, and live again, among those that are needed. */
  private static void readRevived(
      LedgerPlace place,
      long upTo,
      Snapshot snapshot,
      Set<Long> revived,
      Map<Long, JobRecord> needed)
      throws IOException {
    if (revived.isEmpty()) {
      return;
    }
    GroupChanges changes = new GroupChanges(revived::contains);
    Journal.forEach(place, snapshot.header().number(), upTo, changes::add);
    for (List<Frame> frames : changedJobs(snapshot, changes).values()) {
      for (Frame frame : frames) {
        JobRecord job = Snapshot.job(frame);
        needed.remove(frame.number());
        if (job.isNeeded()) {
          needed.put(frame.number(), job);
        }
      }
    }
  }

  /** The jobs that the groups since a snapshot created or changed, as they are after them. */
  private static Map<Snapshot.Part, List<Frame>> changedJobs(Snapshot base, GroupChanges changes)
      throws IOException {
    Map<Snapshot.Part, List<Frame>> changed = new EnumMap<>(Snapshot.Part.class);
    BiConsumer<Snapshot.Part, Frame> put =
        (part, job) -> changed.computeIfAbsent(part, _ -> new ArrayList<>()).add(job);
    Consumer<JobRecord> add = job -> put.accept(Snapshot.Part.of(job), Snapshot.frame(job));
    for (Snapshot.Part part : Snapshot.Part.values()) {
      base.read(
          part,
          frame -> {
            if (!changes.isUntouched(frame.number())) {
              changes.after(frame.number(), Optional.of(Snapshot.job(frame))).ifPresent(add);
            }
          });
    }
    for (long sequence : changes.createdAfter(base.end().newest())) {
      Optional<byte[]> json = changes.jsonOfUnchanged(sequence);
      if (json.isPresent()) {
        put.accept(Snapshot.Part.LIVE, new Frame(sequence, json.get()));
      } else {
        changes.after(sequence, Optional.empty()).ifPresent(add);
      }
    }
    return changed;
  }

  // ---- a new one

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
   * Writes a snapshot up to a group. The snapshot that it was made of is kept, and all others are
   * removed: a newer one is damaged.
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
    Snapshot.End[] end = new Snapshot.End[1];
    try {
      long base =
          readNewestWhole(
              place,
              header.number(),
              snapshot -> end[0] = write(place, snapshot, header, to, part));
      return new Made(end[0], base);
    } catch (IOException e) {
      to.delete(part);
      throw e;
    }
  }

  /** Writes a snapshot in steps of a few segments, because the memory has little room. */
  private static Snapshot.End write(
      LedgerPlace place, Snapshot base, Snapshot.Header header, LedgerPlace to, FilePath part)
      throws IOException {
    List<Long> segments =
        Journal.firsts(place).stream()
            .filter(first -> first > base.header().number() + 1 && first <= header.number())
            .toList();
    if (segments.size() <= SEGMENTS_AT_A_TIME) {
      return writeNext(place, base, header, to, part);
    }
    long upTo = segments.get(SEGMENTS_AT_A_TIME - 1) - 1;
    FilePath step = to.file(part.getName() + "-" + upTo + PART);
    try {
      writeNext(place, base, new Snapshot.Header(Journal.FORM, header.ledger(), upTo), to, step);
      try (Snapshot between = Snapshot.open(step)) {
        return write(place, between, header, to, part);
      }
    } finally {
      to.delete(step);
    }
  }

  private static Snapshot.End writeNext(
      LedgerPlace place, Snapshot base, Snapshot.Header header, LedgerPlace to, FilePath part)
      throws IOException {
    GroupChanges changes = new GroupChanges(_ -> true);
    Journal.forEach(place, base.header().number(), header.number(), changes::add);
    Map<Snapshot.Part, List<Frame>> changed = changedJobs(base, changes);
    long newest = Math.max(base.end().newest(), changes.newest());
    try (Snapshot.Writer writer = new Snapshot.Writer(to.create(part), header, newest)) {
      for (Snapshot.Part jobs : Snapshot.Part.values()) {
        base.read(
            jobs,
            frame -> {
              if (changes.isUntouched(frame.number())) {
                writer.write(jobs, frame);
              }
            });
        for (Frame job : changed.getOrDefault(jobs, List.of())) {
          writer.write(jobs, job);
        }
      }
      return writer.end();
    }
  }
}
