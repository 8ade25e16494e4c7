package io.gpurunner.agent.ledger.disk;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;

/** The queries of the index. Stateless. */
public final class IndexRows {
  private static final String COLUMNS =
      "sequence, id, owner, version, created_at, state, deletion, files, request";

  private static final String RECORD =
      COLUMNS + ", source, idempotency_key, digest, lines, callback";

  // Each statement is one constant text: a test finds them all, and looks at H2's plan for each.
  //
  // H2 goes along an index, and stops, only where the order names all of the index's columns from
  // the first on, also one that has but one value. A comparison of a bare column can make it choose
  // another index: hence "use index".

  private static final String FIND = "select " + RECORD + " from job where id = :id";

  private static final String PAGE =
      "select " + COLUMNS + " from job order by sequence desc limit :size offset :skip";

  private static final String PAGE_OF_OWNER =
      "select "
          + COLUMNS
          + " from job where owner = :owner"
          + " order by owner desc, sequence desc limit :size offset :skip";

  private static final String ENDED =
      "select "
          + COLUMNS
          + " from job use index (job_sweep)"
          + " where files = :files and finished_at >= :from and finished_at < :before"
          + " and (finished_at > :from or sequence > :after)"
          + " order by files, finished_at, sequence limit :limit";

  private IndexRows() {}

  /** All that is kept of a job. */
  public static Optional<JobRecord> find(Handle handle, JobId id) {
    return handle.createQuery(FIND).bind("id", id.value()).map((row, _) -> record(row)).findOne();
  }

  /** What a job's standing is made of. */
  public record Brief(String user, JobState state, JobFiles files) {}

  /** A job without its request, many times cheaper than the whole. */
  public static Optional<Brief> brief(Handle handle, JobId id) {
    return handle
        .createQuery("select owner, state, files from job where id = :id")
        .bind("id", id.value())
        .map(
            (row, _) ->
                new Brief(
                    row.getString("owner"),
                    read(row, "state", JobState.class),
                    JobFiles.valueOf(row.getString("files"))))
        .findOne();
  }

  /** Jobs newest first; of one user, or of all. {@code page} counts from 1. */
  public static List<Job> page(Handle handle, Optional<String> owner, int page, int size) {
    return handle
        .createQuery(owner.isPresent() ? PAGE_OF_OWNER : PAGE)
        .bind("size", size)
        .bind("skip", (long) (page - 1) * size)
        .bindMap(owner.map(name -> Map.of("owner", name)).orElse(Map.of()))
        .map((row, _) -> job(row))
        .list();
  }

  /** How many jobs there are; of one user, or of all. */
  public static long count(Handle handle, Optional<String> owner) {
    return owner
        .map(
            name ->
                handle
                    .createQuery("select jobs from job_count where owner = :owner")
                    .bind("owner", name)
                    .mapTo(Long.class)
                    .findOne()
                    .orElse(0L))
        .orElseGet(() -> number(handle, "select count(*) from job"));
  }

  /** The job that a user's key stands for. */
  public static Optional<JobRecord> findKey(Handle handle, String owner, String key) {
    return handle
        .createQuery(
            "select id from job where owner = :owner and idempotency_key = :key"
                + " order by owner, idempotency_key limit 1")
        .bind("owner", owner)
        .bind("key", key)
        .map((row, _) -> new JobId(row.getString("id")))
        .findOne()
        .flatMap(id -> find(handle, id));
  }

  /**
   * Ended jobs whose files are still here: first those whose removal was begun, then the others.
   *
   * @param after the last job of the page before
   */
  public static List<Job> sweepable(
      Handle handle, Instant endedBefore, Optional<Job> after, int limit) {
    Optional<Job> kept = after.filter(job -> job.files() == JobFiles.KEPT);
    List<Job> jobs = new ArrayList<>();
    if (kept.isEmpty()) {
      jobs.addAll(ended(handle, JobFiles.SWEEPING, endedBefore, after, limit));
    }
    int left = limit - jobs.size();
    jobs.addAll(ended(handle, JobFiles.KEPT, endedBefore, kept, left));
    return jobs;
  }

  /** Jobs that ended before some time, whose files are in that condition, the oldest end first. */
  static List<Job> ended(
      Handle handle, JobFiles files, Instant before, Optional<Job> after, int limit) {
    return handle
        .createQuery(ENDED)
        .bind("files", files.name())
        .bind("before", before.toEpochMilli())
        .bind("from", after.map(IndexRows::finishedAt).orElse(Long.MIN_VALUE))
        .bind("after", after.map(Job::sequence).orElse(0L))
        .bind("limit", limit)
        .map((row, _) -> job(row))
        .list();
  }

  private static long finishedAt(Job job) {
    return switch (job.state()) {
      case JobState.Final ended -> ended.finishedAt().toEpochMilli();
      case JobState.Live _ -> throw new IllegalArgumentException(job.id() + " has not ended");
    };
  }

  /**
   * Jobs that nothing needs any more, the oldest end first: those that ended before some time, and
   * so many others as there are jobs beyond a number.
   */
  public static List<JobId> forgettable(
      Handle handle, Instant endedBefore, long newest, int limit) {
    int surplus = (int) Math.min(count(handle, Optional.empty()) - newest, limit);
    List<JobId> ids = forgettable(handle, endedBefore, limit);
    return ids.size() < surplus
        ? forgettable(handle, Instant.ofEpochMilli(Long.MAX_VALUE), surplus)
        : ids;
  }

  private static List<JobId> forgettable(Handle handle, Instant endedBefore, int limit) {
    return handle
        .createQuery(
            "select id from job use index (job_sweep)"
                + " where files = 'SWEPT' and finished_at < :before and owed = false"
                + " order by files, finished_at, sequence limit :limit")
        .bind("before", endedBefore.toEpochMilli())
        .bind("limit", limit)
        .map((row, _) -> new JobId(row.getString("id")))
        .list();
  }

  private static long number(Handle handle, String query) {
    return handle.createQuery(query).mapTo(Long.class).one();
  }

  private static Job job(ResultSet row) throws SQLException {
    return new Job(
        new JobId(row.getString("id")),
        row.getString("owner"),
        row.getLong("sequence"),
        row.getLong("version"),
        Instant.ofEpochMilli(row.getLong("created_at")),
        read(row, "request", JobRequest.class),
        read(row, "state", JobState.class),
        readIfThere(row, "deletion", Job.Deletion.class),
        JobFiles.valueOf(row.getString("files")));
  }

  private static JobRecord record(ResultSet row) throws SQLException {
    Optional<String> key = Optional.ofNullable(row.getString("idempotency_key"));
    String digest = row.getString("digest");
    return new JobRecord(
        job(row),
        row.getString("source"),
        key.map(sent -> new Entry.Key(sent, digest)),
        Arrays.asList(read(row, "lines", JobHistory.Line[].class)),
        readIfThere(row, "callback", CallbackRecord.class));
  }

  private static <T> Optional<T> readIfThere(ResultSet row, String column, Class<T> type)
      throws SQLException {
    return row.getString(column) == null ? Optional.empty() : Optional.of(read(row, column, type));
  }

  private static <T> T read(ResultSet row, String column, Class<T> type) throws SQLException {
    try {
      return JobCodec.read(row.getString(column), type);
    } catch (IOException e) {
      throw new UncheckedIOException("the index holds " + e.getMessage(), e);
    }
  }
}
