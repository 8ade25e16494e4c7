package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.h2.mvstore.MVStore;
import org.h2.store.fs.FilePath;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of a ledger: those that the agent makes by itself, in the directory {@code backups} beside
 * it, named by their time and in which order they were made, which no clock tells that was set; and
 * those a person asks for. A copy is itself a ledger's file. It holds jobs, their history, leases,
 * callbacks and idempotency keys, the requests' environments among them, so its file is its owner's
 * alone. Secrets, tokens, jobs' directories and artifacts are not in it. Stateless.
 */
public final class LedgerBackups {
  private static final String PREFIX = "ledger-";

  /** {@code ledger-TIME-NUMBER.mv.db}; those of earlier versions have no number. */
  private static final Pattern NAME =
      Pattern.compile(PREFIX + "([0-9T]+Z)(?:-([0-9]{1,18}))?" + Pattern.quote(LedgerPlace.SUFFIX));

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

  /** Copies that are kept. */
  private static final int KEPT = 7;

  /** A copy is made where that much of the disk stays free beside twice the ledger's length. */
  private static final long SPARE_BYTES = 1L << 30;

  private static final Logger log = LoggerFactory.getLogger(LedgerBackups.class);

  private LedgerBackups() {}

  /** What was copied, or put in place. */
  public record Copied(long bytes, long jobs, long liveJobs) {}

  /**
   * Copies a ledger, whether an agent runs or not.
   *
   * @param database path without H2's suffix
   * @param target a file that is not there
   * @throws LedgerException FAILED naming the file
   */
  public static Copied copy(Path database, Path target) {
    LedgerPlace place = LedgerPlace.onDisk(database);
    if (place.isAbsent()) {
      throw failed("there is no ledger " + place.path() + " to copy");
    }
    if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
      throw failed(target + " is there already; give the copy another name");
    }
    return copied(LedgerCopy.make(place, FilePath.get("file:" + target.toAbsolutePath())));
  }

  /**
   * Puts a copy in the ledger's place; the file it replaces is kept beside it. No agent may run.
   *
   * @param database path without H2's suffix
   * @throws LedgerException FAILED naming the file
   */
  public static Copied restore(Path database, Path copy, Instant now) {
    LedgerPlace place = LedgerPlace.onDisk(database);
    try (LedgerLock _ = LedgerLock.take(place)) {
      return copied(restore(place, FilePath.get("file:" + copy.toAbsolutePath()), now));
    }
  }

  static LedgerCopy.Content restore(LedgerPlace place, FilePath copy, Instant now) {
    LedgerPlace next = place.next();
    try {
      next.delete();
      if (!copy.isRegularFile()) {
        throw new IOException("no such file");
      }
      // There is no witness for a copy: H2 would open one that was cut short as it was before.
      if (!SealedFile.isClosedWell(copy)) {
        throw new IOException(
            "it does not end as a ledger that was closed: it was cut short, or copied by hand while"
                + " an agent was writing it; take it again from where it came, or another one");
      }
      MVStore.compact(SealedFiles.over(copy.toString()), next.file().toString(), false, null);
      LedgerCopy.Content content = LedgerCopy.look(next);
      if (!place.isAbsent()) {
        place.keepReplaced(TIME.format(now));
      }
      // What it says is of the ledger that is replaced.
      LedgerPlace.delete(place.journal());
      place.replaceBy(next);
      // Last: until it is written, the agent refuses the copy for what it lacks, and never takes
      // the
      // file that was there for a whole one.
      Witness.open(place, content.commits()).close();
      return content;
    } catch (IOException | SQLException | RuntimeException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          copy
              + " could not be put in the place of "
              + place.path()
              + ": "
              + LedgerException.rootOf(e).getMessage(),
          e);
    }
  }

  /**
   * Makes a copy among those the agent makes by itself, and removes the oldest of them.
   *
   * @throws LedgerException FAILED also where the disk is too full for it
   */
  static LedgerCopy.Content makeOwn(LedgerPlace place, Instant now) {
    try {
      place.makePrivateDirectory(place.backups());
      deleteUnfinished(place);
      requireRoom(place);
      FilePath copy = nextFile(place, now);
      LedgerCopy.Content content = LedgerCopy.make(place, copy);
      for (Backup old : list(place).stream().skip(KEPT).toList()) {
        LedgerPlace.delete(old.file());
      }
      log.info("backup of the ledger: {}, {} MB", copy, content.bytes() / 1_000_000);
      return content;
    } catch (IOException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED, "no backup was made: " + e.getMessage(), e);
    }
  }

  /** Of a process that was killed while it made one. */
  private static void deleteUnfinished(LedgerPlace place) throws IOException {
    for (FilePath left : LedgerPlace.entries(place.backups())) {
      String name = left.getName();
      if (name.startsWith(PREFIX) && name.endsWith(LedgerPlace.SUFFIX + LedgerCopy.UNFINISHED)) {
        for (FilePath file : LedgerPlace.entries(left)) {
          LedgerPlace.delete(file);
        }
        LedgerPlace.delete(left);
      }
    }
  }

  private static void requireRoom(LedgerPlace place) throws IOException {
    long need = 2 * place.bytes() + SPARE_BYTES;
    long free = place.freeBytes();
    if (free < need) {
      throw failed(
          "no backup was made: the disk of "
              + place.backupsPath()
              + " has "
              + free / 1_000_000
              + " MB free, and "
              + need / 1_000_000
              + " MB are needed");
    }
  }

  private static LedgerException failed(String message) {
    return new LedgerException(LedgerException.Kind.FAILED, message);
  }

  private static Copied copied(LedgerCopy.Content content) {
    return new Copied(content.bytes(), content.jobs(), content.live());
  }

  /**
   * One of them.
   *
   * @param number higher than that of any made before; 0 for one of an earlier version
   * @param at by the clock of then
   */
  record Backup(FilePath file, long number, Instant at) {}

  private static FilePath nextFile(LedgerPlace place, Instant at) {
    long newest = list(place).stream().mapToLong(Backup::number).max().orElse(0);
    String name = PREFIX + TIME.format(at) + "-" + (newest + 1) + LedgerPlace.SUFFIX;
    return FilePath.get(place.backups() + "/" + name);
  }

  /** Whether none was made within so long, by this clock or one that it was set back from. */
  static boolean isDue(LedgerPlace place, Duration interval, Instant now) {
    return list(place).stream()
        .findFirst()
        .map(Backup::at)
        .filter(at -> at.isAfter(now.minus(interval)) && !at.isAfter(now))
        .isEmpty();
  }

  /**
   * Newest first: as they were made, whatever the clock said.
   *
   * @throws LedgerException FAILED where their directory cannot be read
   */
  static List<Backup> list(LedgerPlace place) {
    List<FilePath> entries;
    try {
      entries = LedgerPlace.entries(place.backups());
    } catch (IOException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED, "the ledger's backups: " + e.getMessage(), e);
    }
    return entries.stream()
        .flatMap(file -> named(file).stream())
        .sorted(Comparator.comparingLong(Backup::number).thenComparing(Backup::at).reversed())
        .toList();
  }

  private static Optional<Backup> named(FilePath file) {
    Matcher name = NAME.matcher(file.getName());
    if (!name.matches()) {
      return Optional.empty();
    }
    long number = name.group(2) == null ? 0 : Long.parseLong(name.group(2));
    try {
      return Optional.of(new Backup(file, number, TIME.parse(name.group(1), Instant::from)));
    } catch (DateTimeParseException someOther) {
      return Optional.empty();
    }
  }

  /** Where these cannot be read, that is no reason not to say what is wrong with the ledger. */
  private static String restoring(LedgerPlace place) {
    Optional<Backup> newest;
    try {
      newest = list(place).stream().findFirst();
    } catch (LedgerException e) {
      return e.getMessage()
          + "; see to its disk, then put the newest backup in place with: gpurunner restore FILE";
    }
    return newest
        .map(
            backup ->
                "the newest backup was made at "
                    + backup.at()
                    + "; put it in place with: gpurunner restore "
                    + backup.file())
        .orElse(
            "there is no backup in "
                + place.backupsPath()
                + "; put one from elsewhere in place with: gpurunner restore FILE");
  }

  /** What to do with a ledger that is lost or damaged, for messages. */
  static String remedy(LedgerPlace place) {
    return restoring(place)
        + " (give --config as the agent has it). Or, to start with no jobs, stop their containers"
        + " and move "
        + place.database()
        + ".* and "
        + place.jobsPath()
        + " away";
  }
}
