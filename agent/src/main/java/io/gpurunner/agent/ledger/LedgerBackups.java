package io.gpurunner.agent.ledger;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.h2.store.fs.FilePath;

/** The copies in the directory {@code backups} beside a ledger, named by their time. Stateless. */
final class LedgerBackups {
  private static final String PREFIX = "ledger-";

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

  private LedgerBackups() {}

  /** One of them. */
  record Backup(FilePath file, Instant at) {}

  static FilePath fileFor(LedgerPlace place, Instant at) {
    return FilePath.get(place.backups() + "/" + PREFIX + TIME.format(at) + LedgerPlace.SUFFIX);
  }

  /** Newest first. */
  static List<Backup> list(LedgerPlace place) {
    return LedgerPlace.entries(place.backups()).stream()
        .flatMap(file -> named(file).stream())
        .sorted(Comparator.comparing(Backup::at).reversed())
        .toList();
  }

  private static Optional<Backup> named(FilePath file) {
    String name = file.getName();
    if (!name.startsWith(PREFIX) || !name.endsWith(LedgerPlace.SUFFIX)) {
      return Optional.empty();
    }
    String time = name.substring(PREFIX.length(), name.length() - LedgerPlace.SUFFIX.length());
    try {
      return Optional.of(new Backup(file, TIME.parse(time, Instant::from)));
    } catch (DateTimeParseException someOther) {
      return Optional.empty();
    }
  }

  /** What to do with a ledger that is lost or damaged, for messages. */
  static String remedy(LedgerPlace place) {
    String restore =
        list(place).stream()
            .findFirst()
            .map(
                newest ->
                    "the newest backup was made at "
                        + newest.at()
                        + "; put it in place with: gpurunner restore "
                        + newest.file())
            .orElse(
                "there is no backup in "
                    + place.backupsPath()
                    + "; put one from elsewhere in place with: gpurunner restore FILE");
    return restore
        + " (give --config as the agent has it). Or, to start with no jobs, stop their containers"
        + " and move "
        + place.database()
        + ".* and "
        + place.jobsPath()
        + " away";
  }
}
