package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.storage.ArtifactPlace;
import java.net.URI;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Adds the rows of many jobs to a ledger, in bulk. Stateless. */
public final class LargeLedger {
  /** Each user, and each receiver, has a fiftieth. */
  private static final List<String> ROWS =
      List.of(
          "insert into job (sequence, id, owner, version, created_at, live, finished_at, state, state_json, request_json, source, files)"
              + " select x, 'ai' || x, 'user-' || mod(x, 50), 11, x, mod(x, 5000) = 0,"
              + " case when mod(x, 5000) = 0 then null else x end, 'SUCCEEDED', '{}', '{}', '{}',"
              + " case when mod(x, 10) = 0 then 'KEPT' else 'SWEPT' end from system_range(1, %1$d)",
          "insert into job_event (job, at, kind, message)"
              + " select x, x, 'note', 'a line' from system_range(1, %1$d)",
          "insert into job_event (job, at, kind, message)"
              + " select x, x, 'note', 'another line' from system_range(1, %1$d)",
          "insert into callback (delivery_id, job_id, url, receiver, success, created_at, tries, next_try_at, status)"
              + " select 'd' || x, 'ai' || x, 'http://host/cb', 'host-' || mod(x, 50), true, x, 1, x,"
              + " case when mod(x, 10) < 3 then 'PENDING' else 'DELIVERED' end from system_range(1, %1$d)",
          "insert into idempotency_key (owner, idempotency_key, body_sha256, job_id, created_at)"
              + " select 'user-' || mod(x, 50), 'key-' || x, 'digest', 'ai' || x, x from system_range(1, %1$d)",
          "insert into gpu_lease (gpu_uuid, job_id, leased_at)"
              + " select 'GPU-' || x, 'ai' || 5000 * x, x from system_range(1, 8)",
          "insert into compaction (bytes) values (1)");

  private LargeLedger() {}

  /** Fills an empty ledger: nine in ten jobs are swept, a few live, three in ten callbacks owed. */
  static void fill(Connection connection, int jobs) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String rows : ROWS) {
        statement.executeUpdate(rows.formatted(jobs));
      }
    }
  }

  /**
   * Adds jobs that succeeded, whose callbacks are due.
   *
   * @param database a ledger that nobody has open
   */
  public static void addOwing(Path database, int count, URI callback, Instant endedAt)
      throws SQLException {
    JobState state =
        new JobState.Succeeded(
            endedAt,
            Optional.of(endedAt),
            Optional.of("model.zip"),
            Optional.of(new ArtifactPlace.Local()));
    String jobs =
        "insert into job (sequence, id, owner, version, created_at, live, finished_at, state, state_json, request_json, source, files)"
            + " select x + ?, 'ai' || random_uuid(), 'ann', 11, ?, false, ?, 'SUCCEEDED', ?, ?, '{}', 'KEPT'"
            + " from system_range(1, ?)";
    String callbacks =
        "insert into callback (delivery_id, job_id, url, receiver, success, created_at, tries, next_try_at, status)"
            + " select 'd' || sequence, id, ?, ?, true, finished_at, 0, finished_at, 'PENDING'"
            + " from job where sequence > ?";
    try (Connection connection =
            LedgerSchema.source(LedgerPlace.onDisk(database), ";IFEXISTS=TRUE").getConnection();
        PreparedStatement job = connection.prepareStatement(jobs);
        PreparedStatement owed = connection.prepareStatement(callbacks)) {
      long last = LedgerSchema.number(connection, "select coalesce(max(sequence), 0) from job");
      job.setLong(1, last);
      job.setLong(2, endedAt.toEpochMilli());
      job.setLong(3, endedAt.toEpochMilli());
      job.setString(4, JobCodec.write(state));
      job.setString(5, JobCodec.write(Requests.simple().callback(callback).build()));
      job.setInt(6, count);
      job.executeUpdate();
      owed.setString(1, callback.toString());
      owed.setString(2, callback.getRawAuthority());
      owed.setLong(3, last);
      owed.executeUpdate();
    }
  }
}
