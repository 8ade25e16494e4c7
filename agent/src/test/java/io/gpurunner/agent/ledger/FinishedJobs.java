package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.io.BufferedWriter;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Writes a ledger full of finished jobs, for {@code make bench}: the rows, lines of history and
 * callbacks that a real job leaves, in bulk. One thread.
 */
final class FinishedJobs {
  private static final int JOBS_A_COMMIT = 10_000;

  /** Ids written beside the database, for whoever asks about these jobs. */
  private static final int SAMPLE = 100_000;

  private static final String USER = "gpurunner";

  private static final GpuUuid GPU = new GpuUuid("GPU-00000000-0000-4000-8000-000000000000");

  private final Connection connection;
  private final Handle handle;
  private final Random random = new Random(1);
  private final String owner;
  private final String request;
  private final String source;

  private FinishedJobs(Connection connection, String owner, String source) {
    this.connection = connection;
    this.handle = Jdbi.open(connection);
    this.owner = owner;
    this.source = source;
    this.request = JobCodec.write(Requests.simple().callback(URI.create(CALLBACK)).build());
  }

  private static final String CALLBACK = "http://203.0.113.1/api/test/callback";

  /** {@code FinishedJobs DATABASE COUNT OWNER BODY-FILE IDS-FILE}. */
  public static void main(String[] arguments) throws IOException, SQLException {
    Path database = Path.of(arguments[0]);
    int count = Integer.parseInt(arguments[1]);
    String source = Files.readString(Path.of(arguments[3]));
    JobLedger.open(database, Clock.systemUTC()).close();
    // A kill may void it: space is used again, or the file would grow to four times the size.
    LedgerPlace place = LedgerPlace.onDisk(database);
    String url = place.url().replace("REUSE_SPACE=FALSE", "REUSE_SPACE=TRUE") + ";IFEXISTS=TRUE";
    try (BufferedWriter ids = Files.newBufferedWriter(Path.of(arguments[4]))) {
      try (Connection connection = DriverManager.getConnection(url, USER, "")) {
        connection.setAutoCommit(false);
        FinishedJobs jobs = new FinishedJobs(connection, arguments[2], source);
        // Made once all rows are there: sorted, which is many times faster than one by one.
        List<String> indexes = jobs.indexes();
        jobs.dropIndexes();
        jobs.write(count, ids);
        for (String index : indexes) {
          jobs.handle.execute(index);
        }
        connection.commit();
      }
      LedgerFile.compact(place);
      try (Connection connection = DriverManager.getConnection(url, USER, "")) {
        JobRows.recordCompactedBytes(new RowWriter(connection), Files.size(place.path()));
      }
    }
  }

  /** The statements that make them; those of keys are not among them. */
  private List<String> indexes() {
    return handle.createQuery("script nodata").mapTo(String.class).stream()
        .filter(statement -> statement.startsWith("CREATE INDEX"))
        .toList();
  }

  private void dropIndexes() {
    handle
        .createQuery(
            "select index_name from information_schema.indexes"
                + " where table_schema = 'PUBLIC' and index_type_name = 'INDEX' and not is_generated")
        .mapTo(String.class)
        .list()
        .forEach(name -> handle.execute("drop index \"" + name + '"'));
  }

  private void write(int count, BufferedWriter ids) throws IOException, SQLException {
    Instant first = Instant.now().minus(Duration.ofDays(100));
    int sampleEvery = Math.max(1, count / SAMPLE);
    try (PreparedStatement job =
            prepare(
                "insert into job (sequence, id, owner, version, created_at, live, finished_at, state, state_json, request_json, source, files)"
                    + " values (?, ?, ?, 11, ?, false, ?, 'SUCCEEDED', ?, ?, ?, 'SWEPT')");
        PreparedStatement line =
            prepare("insert into job_event (job, at, kind, message) values (?, ?, ?, ?)");
        PreparedStatement callback =
            prepare(
                "insert into callback (delivery_id, job_id, url, receiver, success, created_at, tries, first_try_at, next_try_at, status)"
                    + " values (?, ?, ?, '203.0.113.1', true, ?, 1, ?, ?, 'DELIVERED')")) {
      for (int number = 0; number < count; number++) {
        String id = "ai" + randomUuid();
        Instant at = first.plusSeconds(number);
        addJob(job, number + 1, id, at);
        addHistory(line, number + 1, at);
        addCallback(callback, id, at.plusSeconds(61));
        if (number % sampleEvery == 0) {
          ids.write(id + "\n");
        }
        if (number % JOBS_A_COMMIT == JOBS_A_COMMIT - 1 || number == count - 1) {
          job.executeBatch();
          line.executeBatch();
          callback.executeBatch();
          connection.commit();
        }
      }
    }
  }

  private PreparedStatement prepare(String sql) throws SQLException {
    return connection.prepareStatement(sql);
  }

  /** Version 4, as ids are; seeded, so that the same database comes out. */
  private UUID randomUuid() {
    long high = (random.nextLong() & ~0xf000L) | 0x4000L;
    long low = (random.nextLong() & ~(3L << 62)) | (2L << 62);
    return new UUID(high, low);
  }

  private void addJob(PreparedStatement job, int sequence, String id, Instant at)
      throws SQLException {
    Instant ended = at.plusSeconds(61);
    JobState state =
        new JobState.Succeeded(
            ended,
            Optional.of(at.plusSeconds(1)),
            Optional.of("model.zip"),
            Optional.of(new ArtifactPlace.Local()));
    job.setLong(1, sequence);
    job.setString(2, id);
    job.setString(3, owner);
    job.setLong(4, at.toEpochMilli());
    job.setLong(5, ended.toEpochMilli());
    job.setString(6, JobCodec.write(state));
    job.setString(7, request);
    job.setString(8, source);
    job.addBatch();
  }

  private static void addHistory(PreparedStatement line, int job, Instant at) throws SQLException {
    Instant started = at.plusSeconds(1);
    Instant ended = at.plusSeconds(60);
    addLine(line, job, new JobHistory.Line(at, "submitted", "submitted by a user"));
    List<JobEvent> events =
        List.of(
            new JobEvent.Leased(List.of(GPU)),
            new JobEvent.Prepared(at),
            new JobEvent.Pulled("boot"),
            new JobEvent.Made("container"),
            new JobEvent.Started(started, Optional.empty(), "boot", "c1", "c1@1"),
            new JobEvent.RunEnded(new Ending.Completed(), ended),
            new JobEvent.ContainerGone(ended),
            new JobEvent.GpusReleased(ended, ended, false, List.of()),
            new JobEvent.Synced(),
            new JobEvent.Uploaded(ended, Optional.of("model.zip"), new ArtifactPlace.Local()));
    for (JobEvent event : events) {
      addLine(line, job, JobHistory.describe(event, ended));
    }
    addLine(
        line,
        job,
        new JobHistory.Line(ended, "callback-delivered", "callback answered with HTTP 200"));
    addLine(
        line,
        job,
        new JobHistory.Line(ended, "swept", "files removed: older than the retention time"));
  }

  private static void addLine(PreparedStatement statement, int job, JobHistory.Line line)
      throws SQLException {
    statement.setLong(1, job);
    statement.setLong(2, line.at().toEpochMilli());
    statement.setString(3, line.kind());
    statement.setString(4, line.message());
    statement.addBatch();
  }

  private void addCallback(PreparedStatement callback, String id, Instant at) throws SQLException {
    callback.setString(1, randomUuid().toString());
    callback.setString(2, id);
    callback.setString(3, CALLBACK);
    callback.setLong(4, at.toEpochMilli());
    callback.setLong(5, at.toEpochMilli());
    callback.setLong(6, at.toEpochMilli());
    callback.addBatch();
  }
}
