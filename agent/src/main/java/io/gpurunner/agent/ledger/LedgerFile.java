package io.gpurunner.agent.ledger;

import io.gpurunner.api.JobId;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.util.OptionalLong;
import java.util.function.Function;
import org.h2.jdbcx.JdbcConnectionPool;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The database file while it is open: one connection that writes, some that read. Writing is for
 * one thread; reading is thread-safe.
 */
final class LedgerFile implements AutoCloseable {
  private static final int READER_LIMIT = 8;

  private static final Logger log = LoggerFactory.getLogger(LedgerFile.class);

  private final LedgerPlace place;
  private final JdbcConnectionPool readers;
  private final Jdbi reading;
  private final Connection connection;
  private final Handle writing;
  private final RowWriter rows;
  private LedgerJournal journal;
  private final Witness witness;
  private long commits;

  private LedgerFile(
      LedgerPlace place,
      Connection connection,
      LedgerJournal journal,
      Witness witness,
      long commits)
      throws SQLException {
    this.place = place;
    this.connection = connection;
    this.journal = journal;
    this.witness = witness;
    this.commits = commits;
    connection.setAutoCommit(false);
    this.rows = new RowWriter(connection);
    this.writing = Jdbi.open(connection);
    this.readers = JdbcConnectionPool.create(LedgerSchema.source(place, ""));
    readers.setMaxConnections(READER_LIMIT);
    this.reading = Jdbi.create(readers);
  }

  /**
   * Opens the database, made or brought to this version's form first.
   *
   * @throws LedgerException FAILED naming the file: in use by another agent, damaged, or lacking
   *     what it held before
   */
  static LedgerFile open(LedgerPlace place, Clock clock, int journalBytes) {
    try {
      place.next().delete(); // of a process that was killed while it wrote one
      OptionalLong seen = Witness.read(place.witness());
      if (place.isAbsent()) {
        requireNew(place, seen);
        LedgerSchema.make(place);
      } else {
        requireContent(place);
        putOnDisk(place);
      }
      Connection connection = connect(place);
      int version = orLeave(connection, () -> completed(place, connection));
      if (version == LedgerSchema.NEWEST) {
        return orLeave(connection, () -> open(place, connection, seen, journalBytes));
      }
      connection.close();
      migrate(place, version, clock.instant());
      Connection migrated = connect(place);
      return orLeave(migrated, () -> open(place, migrated, seen, journalBytes));
    } catch (IOException | SQLException | RuntimeException e) {
      throw openingFailure(place, e);
    }
  }

  /**
   * What a process that was killed has written is in memory; it must be on disk before anything is
   * done in view of it.
   */
  private static void putOnDisk(LedgerPlace place) throws IOException {
    if (place.mayLackOnDisk()) {
      log.warn("{} may not be on disk as it can be read, so it is now written anew", place.path());
      try {
        compact(place);
      } catch (LedgerException e) {
        throw e.getCause() == null ? e : refused(place, String.valueOf(e.getMessage()), e);
      }
    } else {
      place.sync();
    }
  }

  /** What is done with a connection on the way to an open file. */
  private interface Opening<T> {
    T open() throws IOException, SQLException;
  }

  private static <T> T orLeave(Connection connection, Opening<T> opening)
      throws IOException, SQLException {
    try {
      return opening.open();
    } catch (IOException | SQLException | RuntimeException e) {
      leave(connection, e);
      throw e;
    }
  }

  /** Closes without writing, so that what else may be found in the file can be. */
  private static void leave(Connection connection, Exception failure) {
    try (connection;
        Statement statement = connection.createStatement()) {
      statement.execute("SHUTDOWN IMMEDIATELY");
    } catch (SQLException e) {
      failure.addSuppressed(e); // where H2 has closed it by itself
    }
  }

  /**
   * Brings what only the journal has into a database, synced.
   *
   * @return its form
   */
  private static int completed(LedgerPlace place, Connection connection)
      throws IOException, SQLException {
    int version =
        LedgerSchema.versionOf(connection)
            .orElseThrow(
                () -> lost(place, "holds no ledger: it was emptied, or is of another program"));
    if (version > LedgerSchema.NEWEST) {
      throw lost(
          place,
          "was written by a newer gpurunner, whose form "
              + version
              + " this one does not know: install that one again");
    }
    replay(place, connection, version);
    return version;
  }

  private static void replay(LedgerPlace place, Connection connection, int version)
      throws IOException, SQLException {
    long commits = LedgerSchema.commits(connection, version);
    long held;
    try {
      held = LedgerJournal.replay(LedgerJournal.content(place.journal()), connection, commits);
    } catch (LedgerException e) {
      throw e.getCause() == null
          ? lost(place, "cannot be completed (" + e.getMessage() + ")")
          : refused(place, firstCause(e), e);
    }
    if (held > commits) {
      checkpoint(connection);
      log.info("{}: commits taken from its journal: {}", place.path(), held - commits);
    }
  }

  private static void checkpoint(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("CHECKPOINT SYNC");
    }
  }

  private static LedgerFile open(
      LedgerPlace place, Connection connection, OptionalLong seen, int journalBytes)
      throws IOException, SQLException {
    long commits = LedgerSchema.commits(connection, LedgerSchema.NEWEST);
    requireAll(place, commits, seen);
    Witness witness = Witness.open(place, commits);
    try {
      LedgerJournal journal = LedgerJournal.open(place, journalBytes);
      return new LedgerFile(place, connection, journal, witness, commits);
    } catch (IOException | SQLException | RuntimeException e) {
      witness.close();
      throw e;
    }
  }

  private static void requireAll(LedgerPlace place, long commits, OptionalLong seen) {
    if (seen.isPresent() && commits < seen.getAsLong()) {
      throw lost(
          place,
          "lacks the last "
              + (seen.getAsLong() - commits)
              + " of the "
              + seen.getAsLong()
              + " commits that "
              + place.witness()
              + " has seen on disk: it was cut short, damaged, or replaced by an older one");
    }
  }

  private static Connection connect(LedgerPlace place) throws SQLException {
    return LedgerSchema.source(place, ";IFEXISTS=TRUE").getConnection();
  }

  /**
   * Where there was a ledger before, a new one must not take its place: it would hand out devices
   * that containers hold.
   */
  private static void requireNew(LedgerPlace place, OptionalLong seen) throws IOException {
    if (seen.isPresent()) {
      throw lost(place, "is gone, and " + place.witness() + " has seen it");
    }
    if (!LedgerJournal.read(place.journal()).isEmpty()) {
      throw lost(place, "is gone, and " + place.journal() + " has commits of it");
    }
    // A disk of its own has a directory lost+found there.
    if (LedgerPlace.entries(place.jobs()).stream()
        .anyMatch(entry -> JobId.parse(entry.getName()).isPresent())) {
      throw lost(place, "is gone, and " + place.jobsPath() + " has directories of jobs");
    }
  }

  private static void requireContent(LedgerPlace place) {
    if (place.bytes() == 0) {
      throw lost(place, "is empty: it was emptied or damaged");
    }
  }

  private static void migrate(LedgerPlace place, int version, Instant now) throws IOException {
    log.info("{} is brought from form {} to {}", place.path(), version, LedgerSchema.NEWEST);
    LedgerSchema.migrate(place, now);
  }

  private static LedgerException lost(LedgerPlace place, String what) {
    return new LedgerException(
        LedgerException.Kind.FAILED,
        "the ledger " + place.path() + " " + what + "; " + LedgerBackups.remedy(place));
  }

  static LedgerException openingFailure(LedgerPlace place, Exception e) {
    if (e instanceof LedgerException known) {
      return known;
    }
    String words = String.valueOf(e.getMessage());
    if (words.contains("already in use") || words.contains("Locked by another process")) {
      return LedgerLock.inUse(place);
    }
    return refused(place, firstCause(e), e);
  }

  /** Of a file that can be opened, and holds what no agent wrote. */
  static LedgerException contentFailure(LedgerPlace place, Exception e) {
    return refused(
        place, e instanceof LedgerException ? String.valueOf(e.getMessage()) : firstCause(e), e);
  }

  private static LedgerException refused(LedgerPlace place, String why, Exception e) {
    boolean disk = LedgerException.rootOf(e) instanceof IOException;
    return new LedgerException(
        LedgerException.Kind.FAILED,
        "the ledger "
            + place.path()
            + " cannot be opened ("
            + why
            + "); "
            + (disk ? "see to its disk first, nothing need be lost. Should the file be: " : "")
            + LedgerBackups.remedy(place),
        e);
  }

  /** What H2 found, without what Flyway says round it. */
  private static String firstCause(Throwable e) {
    Throwable root = LedgerException.rootOf(e);
    return root.getMessage() == null
        ? "it is no database: " + root
        : root.getMessage().lines().findFirst().orElse("no reason given");
  }

  Handle writing() {
    return writing;
  }

  Connection connection() {
    return connection;
  }

  RowWriter rows() {
    return rows;
  }

  <T> T read(Function<Handle, T> query) {
    return reading.withHandle(query::apply);
  }

  /**
   * Commits, and returns once that is on disk: in the journal, or where that is full, in the
   * database. A commit of H2's stays in memory until a checkpoint.
   */
  void commit() throws SQLException {
    long number = commits + 1;
    boolean journaled = append(number);
    LedgerSchema.countCommits(rows, number);
    connection.commit();
    if (!journaled) {
      writeDatabase();
    }
    commits = number;
    witness.write(commits);
  }

  private boolean append(long number) {
    try {
      return journal.append(number, rows.take());
    } catch (IOException e) {
      throw LedgerException.failed(e);
    }
  }

  private void writeDatabase() throws SQLException {
    checkpoint(connection);
    journal.spend();
  }

  /** Writes what only the journal has to the database, synced. */
  void checkpoint() throws SQLException {
    if (!journal.isSpent()) {
      writeDatabase();
    }
  }

  /**
   * Makes a journal where it could not be made before: without, each commit writes the database. To
   * be called between commits.
   *
   * @return whether it is there now
   */
  boolean hasJournal(int bytes) throws IOException {
    if (!journal.isOf(bytes)) {
      LedgerJournal again = LedgerJournal.open(place, bytes);
      journal.close();
      journal = again;
    }
    return journal.isOf(bytes);
  }

  /** How many times it was committed. */
  long commits() {
    return commits;
  }

  /** Length of the file. */
  long bytes() {
    return place.bytes();
  }

  /**
   * Writes what is in a closed database to a new file, and puts that in its place once it is on
   * disk, and lacks nothing that the old one is known to have had. Killed at any point, the old
   * file or the new one is there, whole.
   */
  static void compact(LedgerPlace place) {
    LedgerPlace compacted = place.next();
    try {
      compacted.delete();
      LedgerSchema.compact(place, compacted);
      long commits = LedgerSchema.commits(compacted);
      requireAll(
          place,
          LedgerJournal.endOf(LedgerJournal.read(place.journal()), commits),
          Witness.read(place.witness()));
      place.replaceBy(compacted);
    } catch (IOException | SQLException | RuntimeException e) { // of H2, of any kind
      deleteQuietly(compacted, e);
      throw e instanceof LedgerException known
          ? known
          : new LedgerException(
              LedgerException.Kind.FAILED,
              "the ledger "
                  + place.path()
                  + " could not be compacted: "
                  + LedgerException.rootOf(e).getMessage(),
              e);
    }
  }

  private static void deleteQuietly(LedgerPlace compacted, Exception failure) {
    try {
      compacted.delete();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }

  /** Also of a database that H2 itself has closed after a fault. */
  @Override
  public void close() {
    readers.dispose();
    try {
      writing.close();
    } catch (JdbiException e) {
      log.warn("{} was closed after a fault: {}", place.path(), e.getMessage());
    }
    journal.close();
    witness.close();
  }
}
