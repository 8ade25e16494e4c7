package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.net.URI;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * The SQL of the ledger, and nothing but it. What changes rows depends on nothing but them and its
 * values: the journal's statements are executed again. Stateless.
 */
final class JobRows {
  /** Longest line of history kept; an engine's message can be of any length. */
  private static final int MESSAGE_LIMIT_CHARS = 4_000;

  /** Most lines of history a job keeps; past that, the older half but for the first goes. */
  static final int LINE_LIMIT = 1_000;

  private static final String JOB_COLUMNS =
      "sequence, id, owner, version, created_at, state_json, request_json, deleted_by, deleted_at,"
          + " files";

  // Each statement is one constant text: JobRowsTest finds them all, and looks at H2's plan for
  // each.
  //
  // H2 goes along an index, and stops, only where the order names all of the index's columns from
  // the first on, also one that has but one value. A comparison of a bare column can make it choose
  // another index: hence "+ 0" and "use index".

  // Files of a job that has not ended are kept, and the index begins with these.
  private static final String LIVE =
      " from job where files = 'KEPT' and finished_at is null order by files, finished_at, sequence";

  private static final String FORGETTABLE =
      "select id from job where files = 'SWEPT' and finished_at < :before"
          + " and not exists (select 1 from callback where callback.job_id = job.id and status = 'PENDING')"
          + " order by files, finished_at, sequence limit :limit";

  private static final String PAGE =
      "select "
          + JOB_COLUMNS
          + " from job where sequence + 0 <= :newest order by sequence desc limit :size offset"
          + " :skip";

  private static final String PAGE_OF_OWNER =
      "select "
          + JOB_COLUMNS
          + " from job where owner = :owner and sequence + 0 <= :newest"
          + " order by owner desc, sequence desc limit :size offset :skip";

  /**
   * A job that has not ended.
   *
   * @param requestBytes length of its request
   */
  record LiveRow(Job job, long requestBytes) {}

  List<LiveRow> loadLive(Handle handle) {
    return handle
        .createQuery("select " + JOB_COLUMNS + LIVE)
        .map((row, _) -> new LiveRow(job(row), row.getString("request_json").length()))
        .list();
  }

  List<Long> liveSequences(Handle handle) {
    return handle.createQuery("select sequence" + LIVE).mapTo(Long.class).list();
  }

  /**
   * Reads jobs one after another, for their requests together may be large.
   *
   * @return the devices that they hold
   */
  Map<GpuUuid, JobId> devicesOf(Handle handle, List<Long> sequences) {
    Map<GpuUuid, JobId> held = new HashMap<>();
    for (long sequence : sequences) {
      Job job =
          handle
              .createQuery("select " + JOB_COLUMNS + " from job where sequence = :sequence")
              .bind("sequence", sequence)
              .map((row, _) -> job(row))
              .one();
      held.putAll(LiveJobs.leasesOf(List.of(job)));
    }
    return held;
  }

  Optional<Job> find(Handle handle, JobId id) {
    return handle
        .createQuery("select " + JOB_COLUMNS + " from job where id = :id")
        .bind("id", id.value())
        .map((row, _) -> job(row))
        .findOne();
  }

  /**
   * @param newest the sequence of the newest job that is told
   */
  Optional<Standing> standing(Handle handle, JobId id, long newest) {
    return handle
        .createQuery(
            "select owner, state_json, files from job where id = :id and sequence <= :newest")
        .bind("id", id.value())
        .bind("newest", newest)
        .map(
            (row, _) ->
                Standing.of(
                    id,
                    row.getString("owner"),
                    JobCodec.readState(row.getString("state_json")),
                    JobFiles.valueOf(row.getString("files"))))
        .findOne();
  }

  /** The highest sequence of any job; 0 where there is none. */
  long newestSequence(RowWriter writer) {
    return writer.number("select coalesce(max(sequence), 0) from job");
  }

  void insert(RowWriter writer, Job job, String requestJson, String source) {
    writer.change(
        "insert into job (sequence, id, owner, version, created_at, live, state, state_json,"
            + " request_json, source, files) values (?, ?, ?, ?, ?, true, ?, ?, ?, ?, ?)",
        job.sequence(),
        job.id().value(),
        job.user(),
        job.version(),
        job.createdAt().toEpochMilli(),
        job.state().label(),
        JobCodec.write(job.state()),
        requestJson,
        source,
        job.files().name());
  }

  /**
   * The body that a job was asked for with, as it was sent.
   *
   * @param newest the sequence of the newest job that is told
   */
  Optional<String> source(Handle handle, JobId id, long newest) {
    return handle
        .createQuery("select source from job where id = :id and sequence <= :newest")
        .bind("id", id.value())
        .bind("newest", newest)
        .mapTo(String.class)
        .findOne();
  }

  void update(RowWriter writer, Job before, Job after) {
    Optional<Long> finishedAt = finishedAt(after).map(Instant::toEpochMilli);
    int changed =
        writer.change(
            "update job set version = ?, live = ?, finished_at = ?, state = ?, state_json = ?,"
                + " deleted_by = ?, deleted_at = ?, files = ? where sequence = ? and version = ?",
            after.version(),
            finishedAt.isEmpty(),
            finishedAt.orElse(null),
            after.state().label(),
            JobCodec.write(after.state()),
            after.deletion().map(Job.Deletion::by).orElse(null),
            after.deletion().map(wish -> wish.at().toEpochMilli()).orElse(null),
            after.files().name(),
            after.sequence(),
            before.version());
    if (changed != 1) {
      throw new LedgerException(
          LedgerException.Kind.STALE,
          after.id() + " is not at version " + before.version() + " in the database");
    }
  }

  /**
   * @param sequence the job's
   */
  void addLine(RowWriter writer, long sequence, JobHistory.Line line) {
    addFirstLine(writer, sequence, line);
    trimLines(writer, sequence, line.at());
  }

  /** The same of a job that has few lines: to count them is not worth its time. */
  void addFirstLine(RowWriter writer, long sequence, JobHistory.Line line) {
    String message =
        line.message().length() <= MESSAGE_LIMIT_CHARS
            ? line.message()
            : line.message().substring(0, MESSAGE_LIMIT_CHARS) + "…";
    writer.change(
        "insert into job_event (job, at, kind, message) values (?, ?, ?, ?)",
        sequence,
        line.at().toEpochMilli(),
        line.kind(),
        message);
  }

  private static void trimLines(RowWriter writer, long sequence, Instant at) {
    long count = writer.number("select count(*) from job_event where job = ?", sequence);
    if (count <= LINE_LIMIT) {
      return;
    }
    int removed =
        writer.change(
            "delete from job_event where job = ?"
                + " and number > (select min(number) from job_event where job = ?)"
                + " and number <= (select number from job_event where job = ? order by job desc, number desc limit 1 offset ?)",
            sequence,
            sequence,
            sequence,
            LINE_LIMIT / 2);
    writer.change(
        "insert into job_event (job, at, kind, message) values (?, ?, 'trimmed', ?)",
        sequence,
        at.toEpochMilli(),
        removed + " older lines were removed: a job keeps at most " + LINE_LIMIT + " lines");
  }

  long sequenceOf(RowWriter writer, JobId id) {
    return writer.number("select sequence from job where id = ?", id.value());
  }

  /** Jobs that nothing needs any more, the longest ended first. */
  List<JobId> forgettable(Handle handle, Instant endedBefore, int limit) {
    return handle
        .createQuery(FORGETTABLE)
        .bind("before", endedBefore.toEpochMilli())
        .bind("limit", limit)
        .map((row, _) -> new JobId(row.getString("id")))
        .list();
  }

  /** Removes all that is recorded of jobs. */
  void forget(RowWriter writer, List<JobId> ids) {
    for (JobId id : ids) {
      writer.change("delete from job_event where job = ?", sequenceOf(writer, id));
      writer.change("delete from callback where job_id = ?", id.value());
      writer.change("delete from idempotency_key where job_id = ?", id.value());
      writer.change("delete from job where id = ?", id.value());
    }
  }

  /**
   * @param newest the sequence of the newest job that is told
   */
  List<JobHistory.Line> history(Handle handle, JobId id, long newest, int limit) {
    return handle
        .createQuery(
            "select at, kind, message from job_event"
                + " where job = (select sequence from job where id = :id and sequence <= :newest)"
                + " order by job desc, number desc limit :limit")
        .bind("id", id.value())
        .bind("newest", newest)
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

  void insertLease(RowWriter writer, GpuUuid gpu, JobId id, Instant at) {
    try {
      writer.change(
          "insert into gpu_lease (gpu_uuid, job_id, leased_at) values (?, ?, ?)",
          gpu.value(),
          id.value(),
          at.toEpochMilli());
    } catch (LedgerException e) {
      if (e.getCause() instanceof SQLIntegrityConstraintViolationException) {
        throw new LedgerException(LedgerException.Kind.LEASE_TAKEN, gpu + " is leased already", e);
      }
      throw e;
    }
  }

  void deleteLeases(RowWriter writer, JobId id) {
    writer.change("delete from gpu_lease where job_id = ?", id.value());
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

  /**
   * @param newest the sequence of the newest job that is told
   */
  List<Job> page(Handle handle, Optional<String> owner, long newest, int page, int size) {
    return handle
        .createQuery(owner.isPresent() ? PAGE_OF_OWNER : PAGE)
        .bind("newest", newest)
        .bind("size", size)
        .bind("skip", (long) (page - 1) * size)
        .bindMap(owner.map(name -> Map.of("owner", name)).orElse(Map.of()))
        .map((row, _) -> job(row))
        .list();
  }

  /** H2 knows how many rows a table has. */
  long count(Handle handle) {
    return handle.createQuery("select count(*) from job").mapTo(Long.class).one();
  }

  /** How many of a user's jobs there are up to a sequence. */
  long countOf(Handle handle, String owner, long newest) {
    return handle
        .createQuery("select count(*) from job where owner = :owner and sequence <= :newest")
        .bind("owner", owner)
        .bind("newest", newest)
        .mapTo(Long.class)
        .one();
  }

  /** The users of these jobs, in the same order. */
  List<String> owners(Handle handle, List<JobId> ids) {
    return ids.stream()
        .map(
            id ->
                handle
                    .createQuery("select owner from job where id = :id")
                    .bind("id", id.value())
                    .mapTo(String.class)
                    .one())
        .toList();
  }

  Optional<Creation> findKey(Handle handle, String owner, String key, String digest) {
    return handle
        .createQuery(
            "select body_sha256, job_id from idempotency_key where owner = :owner and"
                + " idempotency_key = :key")
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

  void insertKey(RowWriter writer, String owner, String key, String digest, JobId id, Instant at) {
    writer.change(
        "insert into idempotency_key (owner, idempotency_key, body_sha256, job_id, created_at)"
            + " values (?, ?, ?, ?, ?)",
        owner,
        key,
        digest,
        id.value(),
        at.toEpochMilli());
  }

  /** A job has one: those of ends before, which are settled, go. */
  void insertCallback(RowWriter writer, PendingCallback callback, Instant at) {
    writer.change(
        "delete from callback where job_id = ? and status <> 'PENDING'", callback.job().value());
    writer.change(
        "insert into callback (delivery_id, job_id, url, receiver, success, created_at, tries, next_try_at, status)"
            + " values (?, ?, ?, ?, ?, ?, 0, ?, 'PENDING')",
        callback.deliveryId(),
        callback.job().value(),
        callback.url().toString(),
        callback.receiver(),
        callback.success(),
        at.toEpochMilli(),
        at.toEpochMilli());
  }

  /**
   * Records what came of a try. That it was delivered is recorded whatever was recorded since.
   *
   * @param tried the callback as it was before the try
   * @return false where nothing was recorded: it is owed no more, or another try was recorded
   */
  boolean updateCallback(
      RowWriter writer, PendingCallback tried, String status, Instant triedAt, Instant nextTryAt) {
    return writer.change(
            "update callback set status = ?, tries = tries + 1, next_try_at = ?,"
                + " first_try_at = coalesce(first_try_at, ?)"
                + " where delivery_id = ? and status = 'PENDING' and (tries = ? or ? = 'DELIVERED')",
            status,
            nextTryAt.toEpochMilli(),
            triedAt.toEpochMilli(),
            tried.deliveryId(),
            tried.tries(),
            status)
        == 1;
  }

  /** Those of an end that is no more. */
  void supersedeCallbacks(RowWriter writer, JobId id) {
    writer.change(
        "update callback set status = 'SUPERSEDED' where job_id = ? and status = 'PENDING'",
        id.value());
  }

  boolean isPending(Handle handle, PendingCallback callback) {
    return handle
            .createQuery(
                "select count(*) from callback"
                    + " where delivery_id = :delivery and status = 'PENDING' and tries = :tries")
            .bind("delivery", callback.deliveryId())
            .bind("tries", callback.tries())
            .mapTo(Long.class)
            .one()
        == 1;
  }

  /** When the first callback to a receiver falls due. */
  private record Receiver(String name, Instant due) {}

  List<String> dueReceivers(Handle handle, Instant now, String after, int limit) {
    List<String> due = new ArrayList<>();
    Optional<Receiver> next = receiverAfter(handle, after);
    while (next.isPresent() && due.size() < limit) {
      Receiver receiver = next.get();
      if (!receiver.due.isAfter(now)) {
        due.add(receiver.name);
      }
      next = receiverAfter(handle, receiver.name);
    }
    return due;
  }

  private static Optional<Receiver> receiverAfter(Handle handle, String receiver) {
    return handle
        .createQuery(
            "select receiver, next_try_at from callback use index (callback_receiver)"
                + " where status = 'PENDING' and receiver > :receiver"
                + " order by status, receiver, next_try_at, delivery_id limit 1")
        .bind("receiver", receiver)
        .map(
            (row, _) ->
                new Receiver(
                    row.getString("receiver"), Instant.ofEpochMilli(row.getLong("next_try_at"))))
        .findOne();
  }

  List<PendingCallback> dueCallbacks(Handle handle, String receiver, Instant now, int limit) {
    return handle
        .createQuery(
            "select delivery_id, job_id, url, success, tries, first_try_at"
                + " from callback use index (callback_receiver)"
                + " where status = 'PENDING' and receiver = :receiver and next_try_at <= :now"
                + " order by status, receiver, next_try_at, delivery_id limit :limit")
        .bind("receiver", receiver)
        .bind("now", now.toEpochMilli())
        .bind("limit", limit)
        .map((row, _) -> callback(row))
        .list();
  }

  Optional<Instant> nextCallbackAfter(Handle handle, Instant now) {
    return handle
        .createQuery(
            "select next_try_at from callback where status = 'PENDING' and next_try_at > :now"
                + " order by status, next_try_at limit 1")
        .bind("now", now.toEpochMilli())
        .mapTo(Long.class)
        .findOne()
        .map(Instant::ofEpochMilli);
  }

  void limitCallbackWaits(RowWriter writer, Instant latest) {
    writer.change(
        "update callback set next_try_at = ? where status = 'PENDING' and next_try_at > ?",
        latest.toEpochMilli(),
        latest.toEpochMilli());
  }

  /**
   * Ended jobs whose files are in that condition, the oldest end first.
   *
   * @param after the last of the page before
   */
  List<Job> ended(
      Handle handle, JobFiles files, Instant endedBefore, Optional<Job> after, int limit) {
    return handle
        .createQuery(
            "select "
                + JOB_COLUMNS
                + " from job use index (job_sweep)"
                + " where files = :files and finished_at >= :from and finished_at < :before"
                + " and (finished_at > :from or sequence > :after)"
                + " order by files, finished_at, sequence limit :limit")
        .bind("files", files.name())
        .bind("before", endedBefore.toEpochMilli())
        .bind("from", after.map(JobRows::finishedAtMillis).orElse(Long.MIN_VALUE))
        .bind("after", after.map(Job::sequence).orElse(0L))
        .bind("limit", limit)
        .map((row, _) -> job(row))
        .list();
  }

  private static Optional<Instant> finishedAt(Job job) {
    return switch (job.state()) {
      case JobState.Final ended -> Optional.of(ended.finishedAt());
      case JobState.Live _ -> Optional.empty();
    };
  }

  private static long finishedAtMillis(Job ended) {
    return finishedAt(ended).orElseThrow().toEpochMilli();
  }

  /** Length of the file after it was last compacted; 0 where it never was. */
  static long compactedBytes(Handle handle) {
    return handle
        .createQuery("select bytes from compaction")
        .mapTo(Long.class)
        .findOne()
        .orElse(0L);
  }

  static void recordCompactedBytes(RowWriter writer, long bytes) {
    writer.change("delete from compaction");
    writer.change("insert into compaction (bytes) values (?)", bytes);
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
        deletedBy.map(by -> new Job.Deletion(by, deletedAt)),
        JobFiles.valueOf(row.getString("files")));
  }

  private static PendingCallback callback(ResultSet row) throws SQLException {
    long firstTryAt = row.getLong("first_try_at");
    Optional<Instant> triedFirst =
        row.wasNull() ? Optional.empty() : Optional.of(Instant.ofEpochMilli(firstTryAt));
    return new PendingCallback(
        row.getString("delivery_id"),
        new JobId(row.getString("job_id")),
        URI.create(row.getString("url")),
        row.getBoolean("success"),
        row.getInt("tries"),
        triedFirst);
  }
}
