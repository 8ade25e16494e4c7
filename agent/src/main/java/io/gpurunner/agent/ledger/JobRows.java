package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import java.net.URI;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;

/** The SQL of the ledger, and nothing but it. Stateless. */
final class JobRows {
  /** Longest line of history kept; an engine's message can be of any length. */
  private static final int MESSAGE_LIMIT_CHARS = 4_000;

  private static final String JOB_COLUMNS =
      "sequence, id, owner, version, created_at, state_json, request_json, deleted_by, deleted_at";

  List<Job> loadLive(Handle handle) {
    return handle
        .createQuery("select " + JOB_COLUMNS + " from job where live order by sequence")
        .map((row, _) -> job(row))
        .list();
  }

  Optional<Job> find(Handle handle, JobId id) {
    return handle
        .createQuery("select " + JOB_COLUMNS + " from job where id = :id")
        .bind("id", id.value())
        .map((row, _) -> job(row))
        .findOne();
  }

  Job insert(
      Handle handle,
      JobId id,
      String owner,
      Instant at,
      JobRequest request,
      String requestJson,
      JobState state) {
    long sequence =
        handle
            .createUpdate(
                "insert into job (id, owner, version, created_at, live, state, state_json, request_json)"
                    + " values (:id, :owner, 1, :at, true, :state, :stateJson, :requestJson)")
            .bind("id", id.value())
            .bind("owner", owner)
            .bind("at", at.toEpochMilli())
            .bind("state", state.label())
            .bind("stateJson", JobCodec.write(state))
            .bind("requestJson", requestJson)
            .executeAndReturnGeneratedKeys("sequence")
            .mapTo(Long.class)
            .one();
    return new Job(
        id,
        owner,
        sequence,
        1,
        Instant.ofEpochMilli(at.toEpochMilli()),
        request,
        state,
        Optional.empty());
  }

  void update(Handle handle, Job before, Job after) {
    Optional<Long> finishedAt =
        switch (after.state()) {
          case JobState.Final ended -> Optional.of(ended.finishedAt().toEpochMilli());
          case JobState.Live _ -> Optional.empty();
        };
    int changed =
        handle
            .createUpdate(
                "update job set version = :version, live = :live, finished_at = :finishedAt, state = :state, state_json = :stateJson,"
                    + " deleted_by = :deletedBy, deleted_at = :deletedAt where id = :id and version = :before")
            .bind("version", after.version())
            .bind("live", finishedAt.isEmpty())
            .bind("finishedAt", finishedAt)
            .bind("state", after.state().label())
            .bind("stateJson", JobCodec.write(after.state()))
            .bind("deletedBy", after.deletion().map(Job.Deletion::by))
            .bind("deletedAt", after.deletion().map(wish -> wish.at().toEpochMilli()))
            .bind("id", after.id().value())
            .bind("before", before.version())
            .execute();
    if (changed != 1) {
      throw new LedgerException(
          LedgerException.Kind.STALE,
          after.id() + " is not at version " + before.version() + " in the database");
    }
  }

  void addLine(Handle handle, JobId id, JobHistory.Line line) {
    String message =
        line.message().length() <= MESSAGE_LIMIT_CHARS
            ? line.message()
            : line.message().substring(0, MESSAGE_LIMIT_CHARS) + "…";
    handle
        .createUpdate(
            "insert into job_event (job_id, at, kind, message) values (:id, :at, :kind, :message)")
        .bind("id", id.value())
        .bind("at", line.at().toEpochMilli())
        .bind("kind", line.kind())
        .bind("message", message)
        .execute();
  }

  List<JobHistory.Line> history(Handle handle, JobId id, int limit) {
    return handle
        .createQuery(
            "select at, kind, message from job_event where job_id = :id order by number desc limit :limit")
        .bind("id", id.value())
        .bind("limit", limit)
        .map(
            (row, _) ->
                new JobHistory.Line(
                    Instant.ofEpochMilli(row.getLong("at")),
                    row.getString("kind"),
                    row.getString("message")))
        .list()
        .reversed();
  }

  void insertLease(Handle handle, GpuUuid gpu, JobId id, Instant at) {
    try {
      handle
          .createUpdate(
              "insert into gpu_lease (gpu_uuid, job_id, leased_at) values (:gpu, :id, :at)")
          .bind("gpu", gpu.value())
          .bind("id", id.value())
          .bind("at", at.toEpochMilli())
          .execute();
    } catch (UnableToExecuteStatementException e) {
      if (e.getCause() instanceof SQLIntegrityConstraintViolationException) {
        throw new LedgerException(LedgerException.Kind.LEASE_TAKEN, gpu + " is leased already", e);
      }
      throw e;
    }
  }

  void deleteLeases(Handle handle, JobId id) {
    handle
        .createUpdate("delete from gpu_lease where job_id = :id")
        .bind("id", id.value())
        .execute();
  }

  Map<GpuUuid, JobId> leases(Handle handle) {
    return handle
        .createQuery("select gpu_uuid, job_id from gpu_lease")
        .map(
            (row, _) ->
                Map.entry(
                    new GpuUuid(row.getString("gpu_uuid")), new JobId(row.getString("job_id"))))
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  List<Job> page(Handle handle, Optional<String> owner, int page, int size) {
    return handle
        .createQuery(
            "select "
                + JOB_COLUMNS
                + " from job"
                + (owner.isPresent() ? " where owner = :owner" : "")
                + " order by sequence desc limit :size offset :skip")
        .bind("size", size)
        .bind("skip", (long) (page - 1) * size)
        .bindMap(owner.map(name -> Map.of("owner", name)).orElse(Map.of()))
        .map((row, _) -> job(row))
        .list();
  }

  long count(Handle handle, Optional<String> owner) {
    return handle
        .createQuery(
            "select count(*) from job" + (owner.isPresent() ? " where owner = :owner" : ""))
        .bindMap(owner.map(name -> Map.of("owner", name)).orElse(Map.of()))
        .mapTo(Long.class)
        .one();
  }

  Optional<Creation> findKey(Handle handle, String owner, String key, String digest) {
    return handle
        .createQuery(
            "select body_sha256, job_id from idempotency_key where owner = :owner and idempotency_key = :key")
        .bind("owner", owner)
        .bind("key", key)
        .map(
            (row, _) -> {
              JobId id = new JobId(row.getString("job_id"));
              return row.getString("body_sha256").equals(digest)
                  ? (Creation) new Creation.Existing(id)
                  : new Creation.KeyReused(id);
            })
        .findOne();
  }

  void insertKey(Handle handle, String owner, String key, String digest, JobId id, Instant at) {
    handle
        .createUpdate(
            "insert into idempotency_key (owner, idempotency_key, body_sha256, job_id, created_at) values (:owner, :key, :digest, :id, :at)")
        .bind("owner", owner)
        .bind("key", key)
        .bind("digest", digest)
        .bind("id", id.value())
        .bind("at", at.toEpochMilli())
        .execute();
  }

  void insertCallback(Handle handle, PendingCallback callback) {
    handle
        .createUpdate(
            "insert into callback (delivery_id, job_id, url, success, artifact, created_at, tries, next_try_at, status)"
                + " values (:delivery, :id, :url, :success, :artifact, :at, 0, :at, 'PENDING')")
        .bind("delivery", callback.deliveryId())
        .bind("id", callback.job().value())
        .bind("url", callback.url().toString())
        .bind("success", callback.success())
        .bind("artifact", callback.artifact())
        .bind("at", callback.createdAt().toEpochMilli())
        .execute();
  }

  void updateCallback(
      Handle handle, String deliveryId, String status, int tries, Instant nextTryAt) {
    handle
        .createUpdate(
            "update callback set status = :status, tries = :tries, next_try_at = :next where delivery_id = :delivery")
        .bind("status", status)
        .bind("tries", tries)
        .bind("next", nextTryAt.toEpochMilli())
        .bind("delivery", deliveryId)
        .execute();
  }

  List<PendingCallback> dueCallbacks(Handle handle, Instant now, int limit) {
    return handle
        .createQuery(
            "select delivery_id, job_id, url, success, artifact, created_at, tries, next_try_at from callback"
                + " where status = 'PENDING' and next_try_at <= :now order by next_try_at limit :limit")
        .bind("now", now.toEpochMilli())
        .bind("limit", limit)
        .map((row, _) -> callback(row))
        .list();
  }

  Optional<Instant> nextCallbackAt(Handle handle) {
    return handle
        .createQuery(
            "select next_try_at from callback where status = 'PENDING' order by next_try_at limit 1")
        .mapTo(Long.class)
        .findOne()
        .map(Instant::ofEpochMilli);
  }

  List<JobId> sweepable(Handle handle, Instant endedBefore, int limit) {
    return handle
        .createQuery(
            "select id from job where swept = false and finished_at < :before order by finished_at limit :limit")
        .bind("before", endedBefore.toEpochMilli())
        .bind("limit", limit)
        .map((row, _) -> new JobId(row.getString("id")))
        .list();
  }

  void markSwept(Handle handle, JobId id) {
    handle
        .createUpdate("update job set swept = true where id = :id")
        .bind("id", id.value())
        .execute();
  }

  private static Job job(ResultSet row) throws SQLException {
    Optional<String> deletedBy = Optional.ofNullable(row.getString("deleted_by"));
    Instant deletedAt = Instant.ofEpochMilli(row.getLong("deleted_at"));
    return new Job(
        new JobId(row.getString("id")),
        row.getString("owner"),
        row.getLong("sequence"),
        row.getLong("version"),
        Instant.ofEpochMilli(row.getLong("created_at")),
        JobCodec.readRequest(row.getString("request_json")),
        JobCodec.readState(row.getString("state_json")),
        deletedBy.map(by -> new Job.Deletion(by, deletedAt)));
  }

  private static PendingCallback callback(ResultSet row) throws SQLException {
    return new PendingCallback(
        row.getString("delivery_id"),
        new JobId(row.getString("job_id")),
        URI.create(row.getString("url")),
        row.getBoolean("success"),
        Optional.ofNullable(row.getString("artifact")),
        Instant.ofEpochMilli(row.getLong("created_at")),
        row.getInt("tries"),
        Instant.ofEpochMilli(row.getLong("next_try_at")));
  }
}
