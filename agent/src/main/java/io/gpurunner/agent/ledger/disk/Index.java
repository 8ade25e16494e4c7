package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.h2.api.ErrorCode;
import org.h2.jdbcx.JdbcConnectionPool;
import org.h2.jdbcx.JdbcDataSource;
import org.h2.mvstore.MVStoreException;
import org.h2.store.fs.FilePath;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The database that answers queries: H2, in a file that holds nothing of its own. Groups are
 * applied to it in order, after they were recorded. It is not synced, so after a power cut H2 may
 * open what is left of it and read nothing where there was something. A mark beside it names the
 * boot under which it is open. An index that was left open under another boot is not used. Applying
 * is for one thread at a time; reading is thread-safe.
 */
final class Index implements AutoCloseable {
  private static final int FORM = 1;
  private static final String NAME = "index";
  private static final String MARK = "index-open";

  /** Jobs that one transaction takes when an index is built. */
  private static final int BUILD_JOBS = 1_000;

  private static final int READER_LIMIT = 8;

  /** What H2 says of a file that it cannot read, or has closed for that. */
  private static final Set<Integer> DAMAGE =
      Set.of(
          ErrorCode.FILE_CORRUPTED_1,
          ErrorCode.IO_EXCEPTION_1,
          ErrorCode.IO_EXCEPTION_2,
          ErrorCode.GENERAL_ERROR_1,
          ErrorCode.DATABASE_IS_CLOSED);

  private static final Logger log = LoggerFactory.getLogger(Index.class);

  private final LedgerPlace place;
  private final Connection connection;

  /** Statements stay prepared; they are as many as there are texts in this class. */
  private final Map<String, PreparedStatement> prepared = new HashMap<>();

  private final JdbcConnectionPool readers;
  private final Jdbi reading;
  private volatile long applied;
  private long added;

  /** The highest sequence in it. */
  private long newest;

  /** How many jobs of each user came or went since the last commit. */
  private final Map<String, Long> more = new HashMap<>();

  private Index(LedgerPlace place, JdbcDataSource source, Connection connection, long applied)
      throws SQLException {
    this.place = place;
    this.connection = connection;
    this.applied = applied;
    connection.setAutoCommit(false);
    this.readers = JdbcConnectionPool.create(source);
    readers.setMaxConnections(READER_LIMIT);
    this.reading = Jdbi.create(readers);
  }

  private static JdbcDataSource source(LedgerPlace place, String settings) {
    JdbcDataSource source = new JdbcDataSource();
    source.setURL(
        "jdbc:h2:" + place.index() + ";DB_CLOSE_ON_EXIT=FALSE;TRACE_LEVEL_FILE=0" + settings);
    source.setUser("gpurunner");
    source.setPassword("");
    return source;
  }

  /**
   * Opens an index that is there.
   *
   * @param ledger the name of the ledger that it must be of
   * @param boot the boot of this machine
   * @throws IOException where there is none that can be used, with the reason
   */
  static Index open(LedgerPlace place, String ledger, String boot) throws IOException {
    if (!FilePath.get(place.index() + ".mv.db").exists()) {
      throw new IOException("there is none");
    }
    requireClosedOrOf(place, boot);
    mark(place, boot);
    JdbcDataSource source = source(place, ";IFEXISTS=TRUE");
    try {
      Connection connection = source.getConnection();
      try {
        Index opened = new Index(place, source, connection, requireOf(connection, ledger));
        opened.newest = opened.newestSequence();
        return opened;
      } catch (SQLException | IOException | RuntimeException e) {
        shutDown(connection);
        throw e;
      }
    } catch (SQLException | RuntimeException e) { // H2 throws any of a damaged file
      throw new IOException(firstLine(e), e);
    }
  }

  private static void requireClosedOrOf(LedgerPlace place, String boot) throws IOException {
    FilePath mark = place.file(MARK);
    if (mark.exists() && !boot.equals(StandardCharsets.UTF_8.decode(place.read(mark)).toString())) {
      throw new IOException("it was not closed before this machine was started again");
    }
  }

  private static void mark(LedgerPlace place, String boot) throws IOException {
    FilePath part = place.file(MARK + ".part");
    try (FileChannel channel = place.create(part)) {
      LedgerPlace.write(channel, StandardCharsets.UTF_8.encode(boot), 0);
      channel.force(true);
    }
    place.rename(part, place.file(MARK));
  }

  private static long requireOf(Connection connection, String ledger)
      throws SQLException, IOException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select form, ledger, number from applied")) {
      if (!row.next()) {
        throw new IOException("it was not built to its end");
      }
      if (row.getInt(1) != FORM) {
        throw new IOException("it has form " + row.getInt(1) + ", and this version's is " + FORM);
      }
      if (!row.getString(2).equals(ledger)) {
        throw new IOException("it is of another ledger");
      }
      return row.getLong(3);
    }
  }

  /** Closes a database at once. H2 would write first, and keep its file open where that fails. */
  private static void shutDown(Connection connection) {
    try (connection;
        Statement statement = connection.createStatement()) {
      statement.execute("shutdown immediately");
    } catch (SQLException e) {
      log.debug("the ledger's index was closed already: {}", e.getMessage());
    }
  }

  private static String firstLine(Throwable e) {
    Throwable root = e;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return Objects.toString(root.getMessage(), root.toString()).lines().findFirst().orElse("");
  }

  /**
   * Builds an index of the newest snapshot that is whole. An index that was there goes.
   *
   * @param upTo the number of the last group that it may hold
   * @return the index, which lacks the groups since the snapshot
   */
  static Index build(LedgerPlace place, String ledger, String boot, long upTo) throws IOException {
    mark(place, boot);
    AtomicReference<Index> built = new AtomicReference<>();
    try {
      Snapshots.readNewestWhole(place, upTo, snapshot -> built.set(build(place, ledger, snapshot)));
      return built.get();
    } catch (RuntimeException e) { // H2 throws any where a disk fails
      throw new IOException("the index cannot be built: " + firstLine(e), e);
    }
  }

  private static Index build(LedgerPlace place, String ledger, Snapshot snapshot)
      throws IOException {
    place.deleteAll(NAME + ".", "");
    JdbcDataSource source = source(place, "");
    try {
      Connection connection = source.getConnection();
      try {
        return built(new Index(place, source, connection, 0), ledger, snapshot);
      } catch (SQLException | IOException | RuntimeException e) {
        shutDown(connection);
        throw e;
      }
    } catch (SQLException e) {
      throw new IOException("the index cannot be built: " + firstLine(e), e);
    }
  }

  private static Index built(Index index, String ledger, Snapshot snapshot)
      throws SQLException, IOException {
    try (Statement statement = index.connection.createStatement()) {
      statement.execute("drop all objects");
      statement.execute(script());
    }
    for (Snapshot.Part part : Snapshot.Part.values()) {
      snapshot.read(part, frame -> index.add(Snapshot.job(frame)));
    }
    index.writeCounts();
    index.applied = snapshot.header().number();
    index.change(
        "insert into applied (form, ledger, number) values (?, ?, ?)", FORM, ledger, index.applied);
    index.connection.commit();
    return index;
  }

  /** Adds a job while the index is built. */
  private void add(JobRecord job) throws IOException {
    try {
      write(job);
      added++;
      if (added % BUILD_JOBS == 0) {
        connection.commit();
      }
    } catch (SQLException e) {
      throw new IOException("the index cannot be written: " + firstLine(e), e);
    }
  }

  /** The statements that make the tables. */
  static String script() throws IOException {
    try (InputStream script = Index.class.getResourceAsStream("index.sql")) {
      return new String(Objects.requireNonNull(script).readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private long newestSequence() throws SQLException {
    try (ResultSet row = bound("select coalesce(max(sequence), 0) from job").executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }

  /** The number of the last group that was applied. */
  long applied() {
    return applied;
  }

  /**
   * Applies the changes of the groups after the last one that was applied.
   *
   * @param number the number of the last of them
   * @throws IOException if that failed; then nothing of them was applied
   */
  void apply(Collection<Change> changes, long number) throws IOException {
    try {
      for (Change change : changes) {
        if (change.record().isPresent()) {
          write(change.record().get());
        } else {
          forget(change.id());
        }
      }
      writeCounts();
      change("update applied set number = ?", number);
      connection.commit();
      applied = number;
    } catch (SQLException | RuntimeException e) { // H2 throws any of a damaged file
      throw new IOException("the index cannot be written: " + firstLine(e), e);
    }
  }

  private void write(JobRecord record) throws SQLException {
    Job job = record.job();
    Object[] changing = {
      job.version(),
      job.state() instanceof JobState.Final ended ? ended.finishedAt().toEpochMilli() : null,
      JobCodec.text(job.state()),
      job.deletion().map(JobCodec::text).orElse(null),
      job.files().name(),
      JobCodec.text(record.lines()),
      record.callback().map(JobCodec::text).orElse(null),
      record.isOwed(),
      job.sequence()
    };
    // Most jobs that are not there are newer than all that are.
    if (job.sequence() > newest || update(changing) == 0) {
      insert(record, changing);
    }
  }

  private int update(@Nullable Object[] changing) throws SQLException {
    return change(
        "update job set version = ?, finished_at = ?, state = ?, deletion = ?, files = ?,"
            + " lines = ?, callback = ?, owed = ? where sequence = ?",
        changing);
  }

  private void insert(JobRecord record, @Nullable Object[] changing) throws SQLException {
    Job job = record.job();
    Object[] values = Arrays.copyOf(changing, changing.length + 7);
    List<Object> constant =
        Arrays.asList(
            job.id().value(),
            job.user(),
            job.createdAt().toEpochMilli(),
            JobCodec.text(job.request()),
            record.source(),
            record.key().map(Entry.Key::key).orElse(null),
            record.key().map(Entry.Key::digest).orElse(null));
    for (int i = 0; i < constant.size(); i++) {
      values[changing.length + i] = constant.get(i);
    }
    change(
        "insert into job (version, finished_at, state, deletion, files, lines, callback, owed,"
            + " sequence, id, owner, created_at, request, source, idempotency_key, digest)"
            + " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values);
    newest = Math.max(newest, job.sequence());
    more.merge(job.user(), 1L, Long::sum);
  }

  private void forget(JobId id) throws SQLException {
    try (ResultSet row = bound("select owner from job where id = ?", id.value()).executeQuery()) {
      if (row.next()) {
        more.merge(row.getString(1), -1L, Long::sum);
        change("delete from job where id = ?", id.value());
      }
    }
  }

  private void writeCounts() throws SQLException {
    for (Map.Entry<String, Long> of : more.entrySet()) {
      if (change("update job_count set jobs = jobs + ? where owner = ?", of.getValue(), of.getKey())
          == 0) {
        change("insert into job_count (owner, jobs) values (?, ?)", of.getKey(), of.getValue());
      }
    }
    more.clear();
  }

  private int change(String sql, @Nullable Object... values) throws SQLException {
    return bound(sql, values).executeUpdate();
  }

  // Nobody closes them: they go with the connection.
  private PreparedStatement bound(String sql, @Nullable Object... values) throws SQLException {
    PreparedStatement statement = prepared.get(sql);
    if (statement == null) {
      statement = connection.prepareStatement(sql);
      prepared.put(sql, statement);
    }
    for (int i = 0; i < values.length; i++) {
      statement.setObject(i + 1, values[i]);
    }
    return statement;
  }

  /** Asks a query of what was applied. */
  <T> T read(Function<Handle, T> query) {
    return reading.withHandle(query::apply);
  }

  /**
   * Whether a query failed for what is in the file, and not for want of time or of a connection.
   */
  static boolean isDamage(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof MVStoreException
          || cause instanceof UncheckedIOException
          || (cause instanceof SQLException sql && DAMAGE.contains(sql.getErrorCode()))) {
        return true;
      }
    }
    return false;
  }

  /** Closes it so that the next boot can believe it. */
  void closeWell() throws IOException {
    readers.dispose();
    try {
      connection.close();
    } catch (SQLException e) {
      throw new IOException(firstLine(e), e);
    }
    FilePath file = place.file(NAME + ".mv.db");
    if (file.exists()) {
      try (FileChannel channel = file.open("rw")) {
        channel.force(true);
      }
    }
    place.delete(place.file(MARK));
  }

  /** Closes it after a fault, perhaps once more. Nothing is lost with it. */
  @Override
  public void close() {
    readers.dispose();
    shutDown(connection);
  }
}
