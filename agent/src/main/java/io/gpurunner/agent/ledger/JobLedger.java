package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.JobTransitions;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.h2.jdbcx.JdbcConnectionPool;
import org.h2.jdbcx.JdbcDataSource;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * The one writer of jobs. A commit is, in one transaction, the job's new version, its line of
 * history, the change of leases and the callback owed; it is synced to disk before anyone is told.
 * Live jobs are also kept in memory, as last committed; finished ones are read from the file.
 * Thread-safe; calls block.
 */
public final class JobLedger implements AutoCloseable {
  private static final int READER_LIMIT = 8;

  private final Clock clock;
  private final JdbcConnectionPool readers;
  private final JobRows rows;
  private final Jdbi reading;
  private final Connection writingConnection;
  private final Handle writing;
  private final CommitThread commits;
  private final Map<JobId, Job> live = new ConcurrentHashMap<>();
  private final Map<String, Integer> livePerUser = new ConcurrentHashMap<>();
  private final List<Consumer<Job>> listeners = new CopyOnWriteArrayList<>();
  private final Changes changes = new Changes();

  private JobLedger(JdbcDataSource source, Clock clock) throws SQLException {
    this.clock = clock;
    this.rows = new JobRows();
    this.readers = JdbcConnectionPool.create(source);
    readers.setMaxConnections(READER_LIMIT);
    this.reading = Jdbi.create(readers);
    this.writingConnection = source.getConnection();
    writingConnection.setAutoCommit(false);
    this.writing = Jdbi.open(writingConnection);
    rows.loadLive(writing).forEach(this::remember);
    requireLeasesAgree();
    writingConnection.commit();
    this.commits = new CommitThread(writingConnection, changes);
  }

  /**
   * Opens the database, made or brought to this version's form first.
   *
   * @param databaseFile path without H2's suffix {@code .mv.db}
   * @throws LedgerException FAILED naming the file: in use by another agent, damaged, or of a newer
   *     version
   */
  public static JobLedger open(Path databaseFile, Clock clock) {
    JdbcDataSource source = new JdbcDataSource();
    // Closing is ours alone: H2 itself would close the file under a commit at exit. And chunks are
    // only ever
    // appended: after a kill, H2 2.5.252 was seen not to find synced chunks that it had put into
    // gaps of the file.
    source.setURL(
        "jdbc:h2:file:"
            + databaseFile.toAbsolutePath()
            + ";DB_CLOSE_ON_EXIT=FALSE;REUSE_SPACE=FALSE");
    source.setUser("gpurunner");
    source.setPassword("");
    try {
      Flyway.configure().dataSource(source).locations("classpath:db/migration").load().migrate();
      return new JobLedger(source, clock);
    } catch (SQLException | FlywayException e) {
      throw new LedgerException(LedgerException.Kind.FAILED, openingFailure(databaseFile, e), e);
    }
  }

  private static String openingFailure(Path databaseFile, Exception e) {
    String words = String.valueOf(e.getMessage());
    if (words.contains("already in use") || words.contains("Locked by another process")) {
      return "another agent already uses "
          + databaseFile
          + ".mv.db: stop it, or give this one another state-dir";
    }
    return "the ledger " + databaseFile + ".mv.db cannot be opened: " + words;
  }

  /**
   * Calls the listener after every commit that changed a job, on the ledger's thread: it must only
   * pass the news on.
   */
  public void listen(Consumer<Job> listener) {
    listeners.add(listener);
  }

  // ---- writing

  /**
   * Records a new job, unless the same user sent the same key before.
   *
   * @return once it is on disk
   */
  public Creation create(String user, JobRequest request, Optional<String> idempotencyKey) {
    String requestJson = JobCodec.write(request);
    Optional<String> digest = idempotencyKey.map(_ -> JobCodec.bodyDigest(request.source()));
    return commits.commit(
        () -> {
          if (idempotencyKey.isPresent() && digest.isPresent()) {
            Optional<Creation> earlier =
                rows.findKey(writing, user, idempotencyKey.get(), digest.get());
            if (earlier.isPresent()) {
              return earlier.get();
            }
          }
          Instant now = clock.instant();
          JobId id = JobId.random();
          Job job =
              rows.insert(writing, id, user, now, request, requestJson, new JobState.Queued(1));
          rows.addLine(writing, id, new JobHistory.Line(now, "submitted", "submitted by " + user));
          request
              .notes()
              .forEach(note -> rows.addLine(writing, id, new JobHistory.Line(now, "note", note)));
          idempotencyKey.ifPresent(
              key -> rows.insertKey(writing, user, key, digest.orElseThrow(), id, now));
          changes.put(job);
          return new Creation.Created(id);
        });
  }

  /**
   * Moves a job by an event decided on this version of it.
   *
   * @throws LedgerException STALE where it has moved on since; LEASE_TAKEN
   */
  public Job apply(Job decidedOn, JobEvent event) {
    return commits.commit(
        () -> {
          Job current = current(decidedOn.id());
          if (current.version() != decidedOn.version()) {
            throw new LedgerException(
                LedgerException.Kind.STALE,
                decidedOn.id()
                    + " is at version "
                    + current.version()
                    + ", decided on "
                    + decidedOn.version());
          }
          return move(current, event);
        });
  }

  /**
   * Records the wish to delete a job. A queued one is deleted by that; a finished one stays as it
   * is.
   *
   * @throws LedgerException ABSENT
   */
  public Job requestDeletion(JobId id, String by) {
    return commits.commit(
        () -> {
          Job current = current(id);
          return switch (current.state()) {
            case JobState.Final _ -> current;
            case JobState.Queued _ -> move(current, new JobEvent.Removed(clock.instant(), by));
            case JobState.Placed _, JobState.Uploading _ -> wishDeleted(current, by);
          };
        });
  }

  private Job wishDeleted(Job current, String by) {
    if (current.deletion().isPresent()) {
      return current;
    }
    Instant now = clock.instant();
    Job wished = current.withDeletion(new Job.Deletion(by, now));
    rows.update(writing, current, wished);
    rows.addLine(
        writing,
        wished.id(),
        new JobHistory.Line(now, "delete-requested", "deletion requested by " + by));
    changes.put(wished);
    return wished;
  }

  private Job move(Job current, JobEvent event) {
    Instant now = clock.instant();
    Job next = current.moved(JobTransitions.next(current.state(), event));
    rows.update(writing, current, next);
    rows.addLine(writing, next.id(), JobHistory.describe(event, now));
    if (event instanceof JobEvent.Leased leased) {
      leased.gpus().forEach(gpu -> rows.insertLease(writing, gpu, next.id(), now));
    }
    if (current.state() instanceof JobState.Placed && !(next.state() instanceof JobState.Placed)) {
      rows.deleteLeases(writing, next.id());
    }
    oweCallback(next, now);
    changes.put(next);
    return next;
  }

  private void oweCallback(Job job, Instant now) {
    job.request()
        .callbackUrl()
        .ifPresent(
            url -> {
              switch (job.state()) {
                case JobState.Succeeded succeeded ->
                    rows.insertCallback(writing, callback(job, true, succeeded.artifact(), now));
                case JobState.Failed _ ->
                    rows.insertCallback(writing, callback(job, false, Optional.empty(), now));
                case JobState.Deleted _, JobState.Live _ -> {}
              }
            });
  }

  private static PendingCallback callback(
      Job job, boolean success, Optional<String> artifact, Instant now) {
    return new PendingCallback(
        UUID.randomUUID().toString(),
        job.id(),
        job.request().callbackUrl().orElseThrow(),
        success,
        artifact,
        now,
        0,
        now);
  }

  /** Adds a line to a job's history. */
  public void note(JobId id, String kind, String message) {
    commits.commit(
        () -> {
          rows.addLine(writing, id, new JobHistory.Line(clock.instant(), kind, message));
          return id;
        });
  }

  /** A callback arrived: it is owed no more. */
  public void callbackDelivered(PendingCallback callback, String message) {
    endCallback(callback, "DELIVERED", "callback-delivered", message);
  }

  /** A callback is given up. */
  public void callbackAbandoned(PendingCallback callback, String message) {
    endCallback(callback, "ABANDONED", "callback-abandoned", message);
  }

  private void endCallback(PendingCallback callback, String status, String kind, String message) {
    commits.commit(
        () -> {
          rows.updateCallback(
              writing, callback.deliveryId(), status, callback.tries() + 1, callback.nextTryAt());
          rows.addLine(
              writing, callback.job(), new JobHistory.Line(clock.instant(), kind, message));
          return callback;
        });
  }

  /** A callback failed and is due again later. */
  public void callbackPostponed(PendingCallback callback, Instant nextTryAt, String message) {
    commits.commit(
        () -> {
          rows.updateCallback(
              writing, callback.deliveryId(), "PENDING", callback.tries() + 1, nextTryAt);
          rows.addLine(
              writing,
              callback.job(),
              new JobHistory.Line(clock.instant(), "callback-failed", message));
          return callback;
        });
  }

  /** The files of a finished job were removed by retention. */
  public void swept(JobId id) {
    commits.commit(
        () -> {
          rows.markSwept(writing, id);
          rows.addLine(
              writing,
              id,
              new JobHistory.Line(
                  clock.instant(), "swept", "files removed: older than the retention time"));
          return id;
        });
  }

  // ---- reading

  /** Jobs that have not ended, as last committed. */
  public Collection<Job> live() {
    return List.copyOf(live.values());
  }

  /** A job that has not ended; never touches the disk. */
  public Optional<Job> findLive(JobId id) {
    return Optional.ofNullable(live.get(id));
  }

  /** Any job. */
  public Optional<Job> find(JobId id) {
    return findLive(id).or(() -> reading.withHandle(handle -> rows.find(handle, id)));
  }

  /** How many jobs of a user have not ended. */
  public int liveJobsOf(String user) {
    return livePerUser.getOrDefault(user, 0);
  }

  /** Which job holds which device. */
  public Map<GpuUuid, JobId> leases() {
    Map<GpuUuid, JobId> leases = new HashMap<>();
    for (Job job : live.values()) {
      if (job.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> leases.put(gpu, job.id()));
      }
    }
    return leases;
  }

  /** A job's history, oldest first, at most {@code limit} of its newest lines. */
  public List<JobHistory.Line> history(JobId id, int limit) {
    return reading.withHandle(handle -> rows.history(handle, id, limit));
  }

  /** Jobs newest first; of one user, or of all. {@code page} counts from 1. */
  public List<Job> page(Optional<String> user, int page, int size) {
    return reading.withHandle(handle -> rows.page(handle, user, page, size));
  }

  /** How many jobs there are; of one user, or of all. */
  public long count(Optional<String> user) {
    return reading.withHandle(handle -> rows.count(handle, user));
  }

  /** Callbacks to send now, the longest due first. */
  public List<PendingCallback> dueCallbacks(Instant now, int limit) {
    return reading.withHandle(handle -> rows.dueCallbacks(handle, now, limit));
  }

  /** When the next callback is due; empty where none is owed. */
  public Optional<Instant> nextCallbackAt() {
    return reading.withHandle(rows::nextCallbackAt);
  }

  /** Finished jobs whose files are still here though they ended before that time. */
  public List<JobId> sweepable(Instant endedBefore, int limit) {
    return reading.withHandle(handle -> rows.sweepable(handle, endedBefore, limit));
  }

  @Override
  public void close() {
    commits.close();
    writing.close();
    readers.dispose();
  }

  private void remember(Job job) {
    if (live.put(job.id(), job) == null) {
      livePerUser.merge(job.user(), 1, Integer::sum);
    }
  }

  private void forget(Job job) {
    if (live.remove(job.id()) != null) {
      livePerUser.computeIfPresent(job.user(), (_, count) -> count > 1 ? count - 1 : null);
    }
  }

  private Job current(JobId id) {
    return changes
        .find(id)
        .or(() -> findLive(id))
        .or(() -> rows.find(writing, id))
        .orElseThrow(() -> new LedgerException(LedgerException.Kind.ABSENT, "no such job: " + id));
  }

  private void requireLeasesAgree() {
    Map<GpuUuid, JobId> recorded = rows.leases(writing);
    if (!recorded.equals(leases())) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger contradicts itself: leases are "
              + new TreeMap<>(recorded)
              + ", jobs hold "
              + new TreeMap<>(leases()));
    }
  }

  /**
   * The jobs a group of commits changes, until they are on disk. Used on the ledger's thread only.
   */
  private final class Changes implements CommitThread.Group {
    private final Map<JobId, Job> kept = new LinkedHashMap<>();
    private final Map<JobId, Job> last = new LinkedHashMap<>();

    void put(Job job) {
      last.put(job.id(), job);
    }

    Optional<Job> find(JobId id) {
      return Optional.ofNullable(last.get(id)).or(() -> Optional.ofNullable(kept.get(id)));
    }

    @Override
    public void begin() {
      kept.clear();
      last.clear();
    }

    @Override
    public void undoLast() {
      last.clear();
    }

    @Override
    public void keepLast() {
      kept.putAll(last);
      last.clear();
    }

    @Override
    public void publish() {
      List<Job> changed = new ArrayList<>(kept.values());
      for (Job job : changed) {
        switch (job.state()) {
          case JobState.Live _ -> remember(job);
          case JobState.Final _ -> forget(job);
        }
      }
      begin();
      changed.forEach(job -> listeners.forEach(listener -> listener.accept(job)));
    }

    @Override
    public void discard() {
      begin();
    }
  }
}
