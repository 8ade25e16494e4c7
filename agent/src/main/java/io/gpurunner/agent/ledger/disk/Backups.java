package io.gpurunner.agent.ledger.disk;

import io.gpurunner.api.JobId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of a ledger. The agent makes them by itself, in the directory {@code backups} beside the
 * ledger, and a person can ask for one. The agent's copies are named by their time and by a number
 * that rises, because a clock can be set back. A copy is a snapshot, one file, and only its owner
 * may read it: it holds the environments of jobs. Secrets, tokens, jobs' directories and artifacts
 * are not in it. Stateless.
 */
public final class Backups {
  private static final Pattern NAME = Pattern.compile("ledger-([0-9T]+Z)-([0-9]{1,18})");

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

  /** Copies that are kept. */
  private static final int KEPT = 7;

  /** A copy is only made if so much of the disk stays free. */
  private static final long SPARE_BYTES = 1L << 30;

  /** An agent that writes meanwhile may remove a file that is being read. */
  private static final int ATTEMPT_LIMIT = 3;

  private static final Logger log = LoggerFactory.getLogger(Backups.class);

  private Backups() {}

  /** The outcome of a copy or a restore. */
  public record Copied(long bytes, long jobs, long liveJobs) {}

  /**
   * Copies a ledger, whether an agent runs or not.
   *
   * @param target a file that is not there
   */
  public static Copied copy(Path directory, Path target) throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory);
    if (isEmpty(place)) {
      throw new IOException("there is no ledger " + directory + " to copy");
    }
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(target + " is there already; give the copy another name");
    }
    Path file = target.toAbsolutePath();
    LedgerPlace to = LedgerPlace.onDisk(Optional.ofNullable(file.getParent()).orElseThrow());
    return copy(place, to, to.file(String.valueOf(file.getFileName())));
  }

  static boolean isEmpty(LedgerPlace place) throws IOException {
    return Journal.firsts(place).isEmpty() && Snapshots.numbers(place).isEmpty();
  }

  private static Copied copy(LedgerPlace from, LedgerPlace to, FilePath target) throws IOException {
    FilePath part = to.file(target.getName() + ".part");
    for (int attempt = 1; ; attempt++) {
      try {
        Snapshot.End end = Snapshots.write(from, headerOf(from), to, part).end();
        to.rename(part, target);
        return new Copied(target.size(), end.jobs(), end.liveJobs());
      } catch (IOException e) {
        if (attempt == ATTEMPT_LIMIT) {
          throw new IOException(
              "the ledger " + from.directory() + " could not be copied: " + e.getMessage(), e);
        }
      }
    }
  }

  /** The beginning of a copy of all that is recorded by now. */
  private static Snapshot.Header headerOf(LedgerPlace place) throws IOException {
    List<Long> firsts = Journal.firsts(place);
    if (firsts.isEmpty()) {
      FilePath newest = Snapshots.file(place, Snapshots.numbers(place).getLast());
      try (Snapshot snapshot = Snapshot.open(newest)) {
        return snapshot.header();
      }
    }
    Segment.Content newest = Segment.read(place, place.file(Segment.name(firsts.getLast())));
    return new Snapshot.Header(Journal.FORM, newest.header().ledger(), newest.last());
  }

  /**
   * Puts a copy in the place of a ledger. The files that it replaces are kept in a directory beside
   * it. Fails if an agent runs.
   */
  public static Copied restore(Path directory, Path copy, Instant now) throws IOException {
    LedgerPlace place = LedgerPlace.onDisk(directory);
    place.make();
    try (LedgerLock _ = LedgerLock.take(place)) {
      Path file = copy.toAbsolutePath();
      LedgerPlace from = LedgerPlace.onDisk(Optional.ofNullable(file.getParent()).orElseThrow());
      return restore(place, from.file(String.valueOf(file.getFileName())), now);
    } catch (LedgerInUse e) {
      throw e;
    } catch (IOException e) {
      throw new IOException(
          copy + " could not be put in the place of " + directory + ": " + e.getMessage(), e);
    }
  }

  /**
   * Makes the copy the newest snapshot, under a new name of the ledger. All other files then belong
   * to a ledger that is gone.
   */
  static Copied restore(LedgerPlace place, FilePath copy, Instant now) throws IOException {
    if (!copy.isRegularFile()) {
      throw new IOException("no such file");
    }
    long number = 1 + newestNumber(place);
    FilePath part = place.file("restored.part");
    Snapshot.Header header =
        new Snapshot.Header(Journal.FORM, UUID.randomUUID().toString(), number);
    Snapshot.End end;
    try (Snapshot from = Snapshot.open(copy);
        Snapshot.Writer writer =
            new Snapshot.Writer(place.create(part), header, from.end().newest())) {
      from.copyTo(writer);
      end = writer.end();
    } catch (IOException e) {
      place.delete(part);
      throw e;
    }
    keepReplaced(place, now);
    place.rename(part, Snapshots.file(place, number));
    Snapshots.deleteOthers(place, number);
    for (long first : Journal.firsts(place)) {
      place.delete(place.file(Segment.name(first)));
    }
    return new Copied(copy.size(), end.jobs(), end.liveJobs());
  }

  private static long newestNumber(LedgerPlace place) throws IOException {
    long newest = Snapshots.numbers(place).stream().reduce(0L, Math::max);
    List<Long> firsts = Journal.firsts(place);
    if (!firsts.isEmpty()) {
      // A segment that cannot be read holds at most one group a byte.
      FilePath file = place.file(Segment.name(firsts.getLast()));
      newest = Math.max(newest, firsts.getLast() + file.size());
    }
    return newest;
  }

  /** Links the files to the other directory, so that the ledger is complete at every instant. */
  private static void keepReplaced(LedgerPlace place, Instant now) throws IOException {
    LedgerPlace kept =
        place.beside(place.directory().getFileName() + ".replaced-" + TIME.format(now));
    if (isEmpty(place) || !place.isOnDisk()) {
      return;
    }
    kept.make();
    for (String name : place.names()) {
      if (name.startsWith(Segment.PREFIX) || name.startsWith(Snapshots.PREFIX)) {
        Files.createLink(kept.directory().resolve(name), place.directory().resolve(name));
      }
    }
    kept.syncNames();
  }

  /** Makes a copy for the agent if its newest copy is older than the interval. */
  static void makeWhereLast(LedgerPlace place, Duration interval, Instant now) throws IOException {
    LedgerPlace backups = place.beside("backups");
    boolean due =
        list(backups).stream()
            .findFirst()
            .map(Backup::at)
            .filter(at -> at.isAfter(now.minus(interval)) && !at.isAfter(now))
            .isEmpty();
    if (!due) {
      return;
    }
    backups.make();
    backups.deleteAll("ledger-", ".part");
    requireRoom(place, backups);
    long number = 1 + list(backups).stream().mapToLong(Backup::number).max().orElse(0);
    String name = "ledger-" + TIME.format(now) + "-" + number;
    Copied copied = copy(place, backups, backups.file(name));
    for (Backup old : list(backups).stream().skip(KEPT).toList()) {
      backups.delete(backups.file(old.name()));
    }
    log.info("backup of the ledger: {}, {} MB", name, copied.bytes() / 1_000_000);
  }

  private static void requireRoom(LedgerPlace place, LedgerPlace backups) throws IOException {
    long bytes = SPARE_BYTES;
    for (String name : place.names()) {
      bytes += name.startsWith(Snapshots.PREFIX) ? place.file(name).size() : 0;
    }
    long free = backups.freeBytes();
    if (free < bytes) {
      throw new IOException(
          "no backup was made: the disk of "
              + backups.directory()
              + " has "
              + free / 1_000_000
              + " MB free, and "
              + bytes / 1_000_000
              + " MB are needed");
    }
  }

  /**
   * One of them.
   *
   * @param number higher than that of any made before
   * @param at by the clock of then
   */
  private record Backup(String name, long number, Instant at) {}

  /** Newest first: as they were made, whatever the clock said. */
  private static List<Backup> list(LedgerPlace backups) throws IOException {
    return backups.names().stream()
        .flatMap(name -> parse(name).stream())
        .sorted(Comparator.comparingLong(Backup::number).reversed())
        .toList();
  }

  private static Optional<Backup> parse(String name) {
    Matcher match = NAME.matcher(name);
    try {
      return match.matches()
          ? Optional.of(
              new Backup(
                  name, Long.parseLong(match.group(2)), TIME.parse(match.group(1), Instant::from)))
          : Optional.empty();
    } catch (DateTimeParseException someOther) {
      return Optional.empty();
    }
  }

  /**
   * Refuses to make a new ledger if there was one before: a new one would hand out devices that
   * containers hold.
   */
  static void requireNew(LedgerPlace place) throws IOException {
    LedgerPlace jobs = place.beside("jobs");
    if (jobs.names().stream().anyMatch(name -> JobId.parse(name).isPresent())) {
      throw new IOException("it is gone, and " + jobs.directory() + " has directories of jobs");
    }
  }

  /** What to do with a ledger that is lost or damaged, for messages. */
  public static String remedy(Path directory) {
    LedgerPlace place = LedgerPlace.onDisk(directory);
    LedgerPlace backups = place.beside("backups");
    Optional<Backup> newest;
    try {
      newest = list(backups).stream().findFirst();
    } catch (IOException e) {
      newest = Optional.empty();
    }
    return newest
            .map(
                backup ->
                    "the newest backup was made at "
                        + backup.at()
                        + "; put it in place with: gpurunner restore "
                        + backups.directory().resolve(backup.name()))
            .orElse(
                "there is no backup in "
                    + backups.directory()
                    + "; put one from elsewhere in place with: gpurunner restore FILE")
        + " (give --config as the agent has it). Or, to start with no jobs, stop their containers"
        + " and move "
        + directory
        + " and "
        + place.beside("jobs").directory()
        + " away";
  }
}
