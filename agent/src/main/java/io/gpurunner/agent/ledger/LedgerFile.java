package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Function;
import java.util.stream.Stream;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.h2.jdbcx.JdbcConnectionPool;
import org.h2.jdbcx.JdbcDataSource;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.MVStoreException;
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
  private static final String SUFFIX = ".mv.db";

  /** Beside the file: a directory for each job (JobVolumes). */
  private static final String JOBS = "jobs";

  private static final Logger log = LoggerFactory.getLogger(LedgerFile.class);

  private final Path file;
  private final JdbcConnectionPool readers;
  private final Jdbi reading;
  private final Connection connection;
  private final Handle writing;

  private LedgerFile(Path file, JdbcDataSource source) throws SQLException {
    this.file = file;
    this.connection = source.getConnection();
    connection.setAutoCommit(false);
    this.writing = Jdbi.open(connection);
    this.readers = JdbcConnectionPool.create(source);
    readers.setMaxConnections(READER_LIMIT);
    this.reading = Jdbi.create(readers);
  }

  /**
   * Opens the database, made or brought to this version's form first.
   *
   * @param database path without H2's suffix {@code .mv.db}
   * @throws LedgerException FAILED naming the file: in use by another agent, damaged, or of a newer
   *     version
   */
  static LedgerFile open(Path database) {
    Path file = Path.of(database.toAbsolutePath() + SUFFIX);
    JdbcDataSource source = new JdbcDataSource();
    source.setURL(url(database));
    source.setUser("gpurunner");
    source.setPassword("");
    try {
      requireHistory(file, source);
      Flyway.configure().dataSource(source).locations("classpath:db/migration").load().migrate();
      return new LedgerFile(file, source);
    } catch (SQLException | FlywayException e) {
      throw new LedgerException(LedgerException.Kind.FAILED, openingFailure(file, e), e);
    }
  }

  /**
   * A file that was emptied, or damaged so that H2 finds nothing in it, looks like a new one.
   * Starting with it would hand out devices that containers hold.
   */
  private static void requireHistory(Path file, JdbcDataSource source) throws SQLException {
    Path jobs = file.resolveSibling(JOBS);
    if (!hasEntries(jobs)) {
      return;
    }
    boolean known = Files.exists(file) && !isEmpty(file) && hasTables(source);
    if (!known) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger "
              + file
              + " holds no job, and "
              + jobs
              + " has directories of jobs: it was emptied or damaged; put a copy of it that is whole"
              + " in its place, or, to start with no jobs, stop their containers and move "
              + jobs
              + " away");
    }
  }

  private static boolean hasEntries(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.findAny().isPresent();
    } catch (IOException none) {
      return false;
    }
  }

  private static boolean isEmpty(Path file) {
    return file.toFile().length() == 0;
  }

  /** Closes without writing, so that what else may be found in the file can be. */
  private static boolean hasTables(JdbcDataSource source) throws SQLException {
    try (Connection connection = source.getConnection();
        Statement statement = connection.createStatement()) {
      boolean there;
      try (ResultSet tables =
          statement.executeQuery(
              "select 1 from information_schema.tables where table_schema = 'PUBLIC'")) {
        there = tables.next();
      }
      if (!there) {
        statement.execute("SHUTDOWN IMMEDIATELY");
      }
      return there;
    }
  }

  /**
   * Closing is ours alone: H2 itself would close the file under a commit at exit. Chunks are only
   * ever appended: those put into gaps may not be found after a kill. And only our commits write:
   * where H2's own thread, which writes WRITE_DELAY ms after a change, writes just before one, the
   * file may lack a chunk it needs ("Chunk not found") until the next (docs/adr/002).
   */
  static String url(Path database) {
    return "jdbc:h2:file:"
        + database.toAbsolutePath()
        + ";DB_CLOSE_ON_EXIT=FALSE;REUSE_SPACE=FALSE;AUTO_COMPACT_FILL_RATE=0;TRACE_LEVEL_FILE=0"
        + ";WRITE_DELAY="
        + Integer.MAX_VALUE;
  }

  private static String openingFailure(Path file, Exception e) {
    String words = String.valueOf(e.getMessage());
    if (words.contains("already in use") || words.contains("Locked by another process")) {
      return "another agent already uses " + file + ": stop it, or give this one another state-dir";
    }
    return "the ledger "
        + file
        + " cannot be opened ("
        + firstCause(e)
        + "): put a copy of the file that is whole in its place, or, to start with no jobs, stop"
        + " their containers and move it and "
        + file.resolveSibling(JOBS)
        + " away";
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

  <T> T read(Function<Handle, T> query) {
    return reading.withHandle(query::apply);
  }

  /**
   * Commits, and returns once that is on disk. A commit alone stays in memory for up to
   * WRITE_DELAY; this writes and syncs the file.
   */
  void commit() throws SQLException {
    connection.commit();
    try (Statement statement = connection.createStatement()) {
      statement.execute("CHECKPOINT SYNC");
    }
  }

  /** Length of the file. */
  long bytes() {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED, "the ledger " + file + " cannot be looked at", e);
    }
  }

  /**
   * Writes what is in a closed database to a new file, and puts that in its place once it is on
   * disk. Killed at any point, the old file or the new one is there, whole.
   *
   * @param database path without H2's suffix
   */
  static void compact(Path database) {
    Path file = Path.of(database.toAbsolutePath() + SUFFIX);
    Path compacted = Path.of(database.toAbsolutePath() + ".compacted");
    try {
      Files.deleteIfExists(compacted);
      MVStore.compact(file.toString(), compacted.toString(), false, null);
      sync(compacted, StandardOpenOption.WRITE);
      Files.move(compacted, file, StandardCopyOption.ATOMIC_MOVE);
      sync(file.resolveSibling("."), StandardOpenOption.READ);
    } catch (IOException | MVStoreException e) {
      deleteQuietly(compacted, e);
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger " + file + " could not be compacted: " + e.getMessage(),
          e);
    }
  }

  private static void sync(Path path, StandardOpenOption mode) throws IOException {
    try (FileChannel channel = FileChannel.open(path, mode)) {
      channel.force(true);
    }
  }

  private static void deleteQuietly(Path compacted, Exception failure) {
    try {
      Files.deleteIfExists(compacted);
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
      log.warn("{} was closed after a fault: {}", file, e.getMessage());
    }
  }
}
