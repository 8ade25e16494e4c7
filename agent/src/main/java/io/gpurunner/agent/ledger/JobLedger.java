package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.JobTransitions;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one writer of jobs. A commit is, in one transaction, the job's new version, its line of
 * history, the change of leases and the callback owed; it is synced to disk before anyone is told.
 * Live jobs are also kept in memory, as last committed; finished ones are read from the file.
 * Thread-safe; calls block.
 */
public final class JobLedger implements AutoCloseable {
  private static final Duration BACKUP_INTERVAL = Duration.ofDays(1);

  private static final Logger log = LoggerFactory.getLogger(JobLedger.class);

  private final Clock clock;
  private final LedgerDatabase store;
  private final Supplier<JobId> ids;
  private final JobRows rows = new JobRows();
  private final LiveJobs live = new LiveJobs();
  private final JobCounts counts;
  private final EndedStandings ended = new EndedStandings();
  private final List<Consumer<Job>> listeners = new CopyOnWriteArrayList<>();
  private final CommitWatch watch;
  private final Changes changes = new Changes();

  /** Of the newest job; the ledger's thread's. */
  private long sequence;

  /**
   * Of the newest job that is on disk. What is read from the file may be committed and not yet
   * synced, for as long as a disk hangs: no job past this one is told.
   */
  private volatile long newestOnDisk;

  private final Commits commits;

  /**
   * @param ids new ids, one at each call
   * @param committing how commits are run, given what to do round a group of them
   */
  JobLedger(
      LedgerDatabase store,
      Clock clock,
      Supplier<JobId> ids,
      Function<GroupCommit.Group, Commits> committing) {
    this(store, clock, ids, committing, CommitWatch.NONE);
  }

  private JobLedger(
      LedgerDatabase store,
      Clock clock,
      Supplier<JobId> ids,
      Function<GroupCommit.Group, Commits> committing,
      CommitWatch watch) {
    this.store = store;
    this.clock = clock;
    this.ids = ids;
    this.watch = watch;
    List<JobRows.LiveRow> jobs = rows.loadLive(store.writing());
    LiveJobs.requireLeases(
        rows.leases(store.writing()),
        LiveJobs.leasesOf(jobs.stream().map(JobRows.LiveRow::job).toList()));
    jobs.forEach(row -> live.put(row.job(), OptionalLong.of(row.requestBytes())));
    this.counts = new JobCounts(rows.count(store.writing()));
    this.sequence = rows.newestSequence(store.rows());
    this.newestOnDisk = sequence;
    this.commits = committing.apply(changes);
  }

  /**
   * Opens the database, made or brought to this version's form first.
   *
   * @param database path without H2's suffix {@code .mv.db}
   * @throws LedgerException FAILED naming the file: in use by another agent, damaged, or of a newer
   *     version
   */
  public static JobLedger open(Path database, Clock clock) {
    return open(LedgerPlace.onDisk(database), clock, LedgerSizes.USUAL);
  }

  /** The same, and the watch hears of every commit's boundaries. */
  public static JobLedger open(Path database, Clock clock, CommitWatch watch) {
    return open(LedgerPlace.onDisk(database), clock, LedgerSizes.USUAL, watch);
  }

  /** The same, on any of H2's file systems, with files of other sizes. */
  static JobLedger open(LedgerPlace place, Clock clock, LedgerSizes sizes) {
    return open(place, clock, sizes, CommitWatch.NONE);
  }

  private static JobLedger open(
      LedgerPlace place, Clock clock, LedgerSizes sizes, CommitWatch watch) {
    LedgerStore store = new LedgerStore(place, clock, sizes);
    try {
      return new JobLedger(store, clock, JobId::random, CommitThread::new, watch);
    } catch (RuntimeException e) {
      store.close();
      throw LedgerFile.contentFailure(place, e);
    }
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
   * @param source the body as it was sent
   * @return once it is on disk
   * @throws LedgerException FILES_NOT_THERE where it is to resume from a job whose files are not
   *     there, or that is none of the caller's
   */
  public Creation create(
      Caller caller, JobRequest request, String source, Optional<String> idempotencyKey) {
    String user = caller.user();
    // On the caller's thread: all creates share the ledger's.
    String requestJson = JobCodec.write(request);
    Optional<String> digest = idempotencyKey.flatMap(_ -> JobCodec.bodyDigest(source));
    return commits.commit(
        () -> {
          if (idempotencyKey.isPresent() && digest.isPresent()) {
            Optional<Creation> earlier =
                rows.findKey(writing(), user, idempotencyKey.get(), digest.get());
            if (earlier.isPresent()) {
              return earlier.get();
            }
          }
          request
              .resumeFrom()
              .map(from -> currentOf(caller, from))
              .ifPresent(JobLedger::requireFilesOfEnded);
          Instant now = clock.instant();
          sequence++;
          Job job = Job.created(ids.get(), user, sequence, now, request);
          JobId id = job.id();
          rows.insert(writer(), job, requestJson, source);
          addFirstLine(job, new JobHistory.Line(now, "submitted", "submitted by " + user));
          request
              .notes()
              .forEach(note -> addFirstLine(job, new JobHistory.Line(now, "note", note)));
          idempotencyKey.ifPresent(
              key -> rows.insertKey(writer(), user, key, digest.orElseThrow(), id, now));
          changes.put(job, requestJson.length());
          return new Creation.Created(id);
        });
  }

  /**
   * Moves a job by an event decided on this version of it.
   *
   * @throws LedgerException STALE where it has moved on since; LEASE_TAKEN
   */
  public Job apply(Job decidedOn, JobEvent event) {
    return commits.commit(() -> move(unmoved(decidedOn), event));
  }

  /**
   * Waits until all that was to be recorded before is, or never will be: a commit whose caller was
   * told UNKNOWN may still be on its way. Records nothing.
   *
   * @throws LedgerException STALE where the job has moved on
   */
  public void confirm(Job read) {
    commits.commit(() -> unmoved(read));
  }

  private Job unmoved(Job read) {
    Job current = current(read.id());
    if (current.version() != read.version()) {
      throw new LedgerException(
          LedgerException.Kind.STALE,
          read.id() + " is at version " + current.version() + ", decided on " + read.version());
    }
    return current;
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

  /** Of a job that has few lines: to count them is not worth its time. */
  private void addFirstLine(Job job, JobHistory.Line line) {
    rows.addFirstLine(writer(), job.sequence(), line);
  }

  private void addLine(Job job, JobHistory.Line line) {
    rows.addLine(writer(), job.sequence(), line);
  }

  private void addLine(JobId id, JobHistory.Line line) {
    rows.addLine(writer(), rows.sequenceOf(writer(), id), line);
  }

  /** A job that the caller may resume from; another user's is as good as none. */
  private Job currentOf(Caller caller, JobId id) {
    return findCurrent(id)
        .filter(job -> caller.admin() || job.user().equals(caller.user()))
        .orElseThrow(
            () ->
                new LedgerException(
                    LedgerException.Kind.FILES_NOT_THERE, "resumeFrom: no such job: " + id));
  }

  private static void requireFilesOfEnded(Job job) {
    if (!(job.state() instanceof JobState.Final) || job.files() != JobFiles.KEPT) {
      throw new LedgerException(
          LedgerException.Kind.FILES_NOT_THERE,
          job.files() == JobFiles.KEPT
              ? job.id() + " has not ended yet"
              : "the files of " + job.id() + " were removed: older than the retention time");
    }
  }

  private Job wishDeleted(Job current, String by) {
    if (current.deletion().isPresent()) {
      return current;
    }
    Instant now = clock.instant();
    Job wished = current.withDeletion(new Job.Deletion(by, now));
    update(current, wished);
    addLine(wished, new JobHistory.Line(now, "delete-requested", "deletion requested by " + by));
    return wished;
  }

  private Job move(Job current, JobEvent event) {
    if (event instanceof JobEvent.UploadResumed) {
      requireFilesOfEnded(current);
      // What is told of the end before must not come after what is told of the next.
      rows.supersedeCallbacks(writer(), current.id());
    }
    Instant now = clock.instant();
    Job next = current.moved(JobTransitions.next(current.state(), event));
    update(current, next);
    addLine(next, JobHistory.describe(event, now));
    if (next.state() instanceof JobState.Queued queued) {
      int runs = next.request().retries() + 1;
      String message = "queued again for run " + queued.attempt() + " of " + runs;
      addLine(next, new JobHistory.Line(now, "retry", message));
    }
    if (event instanceof JobEvent.Leased leased) {
      leased.gpus().forEach(gpu -> rows.insertLease(writer(), gpu, next.id(), now));
    }
    if (current.state() instanceof JobState.Placed && !(next.state() instanceof JobState.Placed)) {
      rows.deleteLeases(writer(), next.id());
    }
    oweCallback(next, now);
    return next;
  }

  private void oweCallback(Job job, Instant now) {
    job.request()
        .callbackUrl()
        .ifPresent(
            url -> {
              switch (job.state()) {
                case JobState.Succeeded _ ->
                    rows.insertCallback(writer(), callback(job, true), now);
                case JobState.Failed _ -> rows.insertCallback(writer(), callback(job, false), now);
                case JobState.Deleted _, JobState.Live _ -> {}
              }
            });
  }

  private static PendingCallback callback(Job job, boolean success) {
    // Named by what it tells, so that telling it again after a crash is no second callback.
    String told = job.id() + "/" + job.version();
    return new PendingCallback(
        UUID.nameUUIDFromBytes(told.getBytes(StandardCharsets.UTF_8)).toString(),
        job.id(),
        job.request().callbackUrl().orElseThrow(),
        success,
        0,
        Optional.empty());
  }

  /** Adds a line to a job's history. */
  public void note(JobId id, String kind, String message) {
    commits.commit(
        () -> {
          addLine(id, new JobHistory.Line(clock.instant(), kind, message));
          return id;
        });
  }

  /** A callback arrived: it is owed no more. */
  public void callbackDelivered(PendingCallback callback, String message) {
    Instant now = clock.instant();
    recordTry(callback, "DELIVERED", now, new JobHistory.Line(now, "callback-delivered", message));
  }

  /** A callback is given up. */
  public void callbackAbandoned(PendingCallback callback, String message) {
    Instant now = clock.instant();
    recordTry(callback, "ABANDONED", now, new JobHistory.Line(now, "callback-abandoned", message));
  }

  /** A callback failed and is due again later. */
  public void callbackPostponed(PendingCallback callback, Instant nextTryAt, String message) {
    JobHistory.Line line = new JobHistory.Line(clock.instant(), "callback-failed", message);
    recordTry(callback, "PENDING", nextTryAt, line);
  }

  /** Callbacks that fall due later than that fall due then. */
  public void limitCallbackWaits(Instant latest) {
    if (nextCallbackAfter(latest).isPresent()) {
      commits.commit(
          () -> {
            rows.limitCallbackWaits(writer(), latest);
            return latest;
          });
    }
  }

  private void recordTry(
      PendingCallback callback, String status, Instant nextTryAt, JobHistory.Line line) {
    commits.commit(
        () -> {
          if (rows.updateCallback(writer(), callback, status, line.at(), nextTryAt)) {
            addLine(callback.job(), line);
          }
          return callback;
        });
  }

  /**
   * Gives the files of a finished job up, before any of them is removed.
   *
   * @return false where they must stay: a job that has not ended resumes from them, or the job is
   *     live again
   */
  public boolean giveFilesUp(JobId id) {
    return commits.commit(
        () -> {
          Job job = current(id);
          boolean needed =
              Stream.concat(live.all().stream(), changes.all())
                  .anyMatch(other -> other.request().resumeFrom().filter(id::equals).isPresent());
          if (needed || !(job.state() instanceof JobState.Final)) {
            return false;
          }
          if (job.files() == JobFiles.KEPT) {
            update(job, job.withFiles(JobFiles.SWEEPING));
          }
          return true;
        });
  }

  /** The files of a finished job were removed by retention. */
  public void swept(JobId id) {
    commits.commit(
        () -> {
          Job job = current(id);
          update(job, job.withFiles(JobFiles.SWEPT));
          String message = "files removed: older than the retention time";
          addLine(job, new JobHistory.Line(clock.instant(), "swept", message));
          return id;
        });
  }

  /**
   * Removes what is recorded of some jobs whose time is over: those that ended longest ago, whose
   * files were removed and whose callbacks are settled.
   *
   * @param endedBefore those that ended before go
   * @param newest how many jobs there may be; of those beyond, the ones that ended first go
   * @param limit the most removed by this call, which is one commit
   * @return how many were removed
   */
  public int forget(Instant endedBefore, long newest, int limit) {
    return commits.commit(
        () -> {
          long surplus = rows.count(writing()) - newest;
          List<JobId> ids = rows.forgettable(writing(), endedBefore, limit);
          if (ids.size() < Math.min(surplus, limit)) {
            int more = (int) Math.min(surplus, limit);
            ids = rows.forgettable(writing(), Instant.ofEpochMilli(Long.MAX_VALUE), more);
          }
          changes.forget(ids, rows.owners(writing(), ids));
          rows.forget(writer(), ids);
          return ids.size();
        });
  }

  private void update(Job before, Job after) {
    rows.update(writer(), before, after);
    changes.put(before, after);
  }

  /** Copies the file to the directory {@code backups} beside it, where that was a day ago. */
  public void backUpDaily() {
    store.backUpWhereLast(BACKUP_INTERVAL);
  }

  // ---- reading

  /** Jobs that have not ended, as last committed. */
  public Collection<Job> live() {
    return live.all();
  }

  /** A job that has not ended; never touches the disk. */
  public Optional<Job> findLive(JobId id) {
    return live.find(id);
  }

  /** Any job. */
  public Optional<Job> find(JobId id) {
    return findLive(id)
        .or(
            () ->
                read(handle -> rows.find(handle, id))
                    .filter(job -> job.sequence() <= newestOnDisk)
                    .map(this::onDisk));
  }

  /**
   * Returns a job that was read from the file as it is on disk. The file also shows changes that
   * are not synced yet.
   */
  private Job onDisk(Job read) {
    return findLive(read.id()).orElseGet(() -> changes.before(read.id()).orElse(read));
  }

  /** Where any job stands; many times cheaper than {@link #find} for one that has ended. */
  public Optional<Standing> standing(JobId id) {
    return findLive(id).map(Standing::of).or(() -> ended.find(id, this::readStanding));
  }

  private Optional<Standing> readStanding(JobId id) {
    Optional<Standing> read = read(handle -> rows.standing(handle, id, newestOnDisk));
    return changes.before(id).map(Standing::of).or(() -> read);
  }

  /** The body a job was asked for with, as it was sent. */
  public Optional<String> source(JobId id) {
    return read(handle -> rows.source(handle, id, newestOnDisk));
  }

  /**
   * What became of a key of a user's, if it was used before by a job that is on disk. One that is
   * on its way there is for {@link #create} to wait for.
   *
   * @param source a body, which need not be JSON; such a one made no job
   */
  public Optional<Creation> findKey(String user, String idempotencyKey, String source) {
    return JobCodec.bodyDigest(source)
        .flatMap(digest -> read(handle -> rows.findKey(handle, user, idempotencyKey, digest)))
        .filter(creation -> find(creation.id()).isPresent());
  }

  /** What a user's jobs that have not ended take. */
  public LiveLoad loadOf(String user) {
    return live.loadOf(user);
  }

  /** What all jobs that have not ended take. */
  public LiveLoad load() {
    return live.total();
  }

  /** Which job holds which device. */
  public Map<GpuUuid, JobId> leases() {
    return live.leases();
  }

  /**
   * A job's history, oldest first, at most {@code limit} of its newest lines. A line may be told
   * shortly before it is on disk; the job's state never is.
   */
  public List<JobHistory.Line> history(JobId id, int limit) {
    return read(handle -> rows.history(handle, id, newestOnDisk, limit));
  }

  /** Jobs newest first; of one user, or of all. {@code page} counts from 1. */
  public List<Job> page(Optional<String> user, int page, int size) {
    return read(handle -> rows.page(handle, user, newestOnDisk, page, size)).stream()
        .map(this::onDisk)
        .toList();
  }

  /**
   * How many jobs there are on disk; of one user, or of all. A user's are counted once, on the
   * ledger's thread.
   */
  public long count(Optional<String> user) {
    return user.map(this::countOf).orElseGet(counts::total);
  }

  private long countOf(String user) {
    OptionalLong known = counts.of(user);
    return known.isPresent() ? known.getAsLong() : commits.commit(() -> changes.count(user));
  }

  /**
   * Receivers, in the order of their names, to which a callback is due.
   *
   * @param after only those whose name comes after this one's
   */
  public List<String> dueReceivers(Instant now, String after, int limit) {
    return read(handle -> rows.dueReceivers(handle, now, after, limit));
  }

  /**
   * Callbacks to send to a receiver now, the longest due first; none whose job's end is not on disk
   * yet.
   */
  public List<PendingCallback> dueCallbacks(String receiver, Instant now, int limit) {
    return read(handle -> rows.dueCallbacks(handle, receiver, now, limit)).stream()
        .filter(callback -> findLive(callback.job()).isEmpty())
        .toList();
  }

  /** Whether a callback is still as it was read: owed, and not tried since. */
  public boolean isPending(PendingCallback callback) {
    return read(handle -> rows.isPending(handle, callback));
  }

  /** When the next callback falls due after that time; empty where none does. */
  public Optional<Instant> nextCallbackAfter(Instant now) {
    return read(handle -> rows.nextCallbackAfter(handle, now));
  }

  /**
   * Finished jobs whose files are still here though they ended before that time: first those whose
   * removal was begun, then the others, the oldest end first.
   *
   * @param after the last of the page before
   */
  public List<Job> sweepable(Instant endedBefore, Optional<Job> after, int limit) {
    return read(handle -> sweepable(handle, endedBefore, after, limit));
  }

  private List<Job> sweepable(Handle handle, Instant endedBefore, Optional<Job> after, int limit) {
    Optional<Job> kept = after.filter(job -> job.files() == JobFiles.KEPT);
    List<Job> jobs = new ArrayList<>();
    if (kept.isEmpty()) {
      jobs.addAll(rows.ended(handle, JobFiles.SWEEPING, endedBefore, after, limit));
    }
    jobs.addAll(rows.ended(handle, JobFiles.KEPT, endedBefore, kept, limit - jobs.size()));
    return jobs;
  }

  /** Reads what is committed; the file is opened again where that fails. */
  <T> T read(Function<Handle, T> query) {
    try {
      return store.read(query);
    } catch (RuntimeException e) { // of a record that is damaged, of any kind
      log.warn("the ledger could not be read, opening it again: {}", e.getMessage());
    }
    probe();
    try {
      return store.read(query);
    } catch (RuntimeException e) {
      if (e instanceof LedgerException && e.getCause() == null) {
        throw e; // it is not open
      }
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          store.describe()
              + " cannot be read ("
              + (e instanceof LedgerException ? e : LedgerException.rootOf(e)).getMessage()
              + "); where that stays so, see to its disk, then put a backup in its place with"
              + " gpurunner restore",
          e);
    }
  }

  /** Commits nothing: H2 closes the file after a fault of the disk, and a commit opens it again. */
  public void probe() {
    try {
      commits.commit(() -> live.total());
    } catch (LedgerException e) {
      log.warn("the ledger is not well: {}", e.getMessage());
    }
  }

  /** Why the last commit failed, or none that takes a job may be made; empty where all is well. */
  public Optional<String> fault() {
    return commits.fault().or(store::fault);
  }

  @Override
  public void close() {
    commits.close();
    store.close();
  }

  private RowWriter writer() {
    return store.rows();
  }

  private Handle writing() {
    return store.writing();
  }

  private Job current(JobId id) {
    return findCurrent(id)
        .orElseThrow(() -> new LedgerException(LedgerException.Kind.ABSENT, "no such job: " + id));
  }

  private Optional<Job> findCurrent(JobId id) {
    return changes.find(id).or(() -> findLive(id)).or(() -> rows.find(writing(), id));
  }

  /**
   * The jobs a group of commits changes, until they are on disk. Used on the ledger's thread only,
   * but for {@link #before}.
   */
  private final class Changes implements GroupCommit.Group {
    private final Map<JobId, Job> kept = new LinkedHashMap<>();
    private final Map<JobId, Job> last = new LinkedHashMap<>();

    /** Ended jobs that the group changes, as they were before it. Emptied once it is on disk. */
    private final Map<JobId, Job> before = new ConcurrentHashMap<>();

    /** Lengths of the requests of new jobs. */
    private final Map<JobId, Long> requestBytes = new HashMap<>();

    /** Also of a commit that was undone, which costs reading one again. */
    private final List<JobId> forgotten = new ArrayList<>();

    /** Owners of jobs whose records go, one for each: of the commits kept, and of the last. */
    private final List<String> ownersOfForgotten = new ArrayList<>();

    private final List<String> ownersOfLast = new ArrayList<>();

    private List<Job> published = List.of();

    /** The number of the group that was begun; empty once it was published. */
    private OptionalLong begun = OptionalLong.empty();

    private void put(Job job) {
      last.put(job.id(), job);
    }

    void put(Job current, Job next) {
      if (current.state() instanceof JobState.Final && find(current.id()).isEmpty()) {
        before.put(current.id(), current);
      }
      put(next);
    }

    /**
     * Finds an ended job that is being changed, as it is on disk. Call this after reading the file,
     * because the file already shows the change. Thread-safe.
     */
    Optional<Job> before(JobId id) {
      return Optional.ofNullable(before.get(id));
    }

    /**
     * Their records go.
     *
     * @param owners of each of them
     */
    void forget(List<JobId> ids, List<String> owners) {
      forgotten.addAll(ids);
      ownersOfLast.addAll(owners);
    }

    /** Counts a user's jobs as they are on disk: without what this group has changed so far. */
    long count(String user) {
      long jobs =
          rows.countOf(writing(), user, newestOnDisk)
              + ownersOfForgotten.stream().filter(user::equals).count();
      counts.counted(user, jobs);
      return jobs;
    }

    /** A new one. */
    void put(Job job, long bytes) {
      put(job);
      requestBytes.put(job.id(), bytes);
    }

    private OptionalLong requestBytes(Job job) {
      Long bytes = requestBytes.get(job.id());
      return bytes == null ? OptionalLong.empty() : OptionalLong.of(bytes);
    }

    Optional<Job> find(JobId id) {
      return Optional.ofNullable(last.get(id)).or(() -> Optional.ofNullable(kept.get(id)));
    }

    Stream<Job> all() {
      return Stream.concat(kept.values().stream(), last.values().stream());
    }

    @Override
    public Connection begin() {
      if (!store.isOpen() && reopen()) {
        publish();
      }
      kept.clear();
      last.clear();
      requestBytes.clear();
      forgotten.clear();
      ownersOfForgotten.clear();
      ownersOfLast.clear();
      begun = OptionalLong.of(store.commits() + 1);
      return store.connection();
    }

    @Override
    public void undoLast() {
      last.clear();
      ownersOfLast.clear();
      writer().undo();
    }

    @Override
    public void keepLast() {
      kept.putAll(last);
      last.clear();
      ownersOfForgotten.addAll(ownersOfLast);
      ownersOfLast.clear();
      writer().keep();
    }

    @Override
    public void commit() throws SQLException {
      watch.reached(CommitWatch.Boundary.UNCOMMITTED, kept.values());
      store.commit();
    }

    @Override
    public boolean recover() {
      last.clear();
      return reopen();
    }

    /**
     * Opens the file anew and requires that it holds what was committed before. Where that fails,
     * the file is closed and this group's changes are kept, until a later call has settled whether
     * they are on disk.
     *
     * @return whether it holds the changes of this group too, synced
     */
    private boolean reopen() {
      store.openAnew();
      try {
        return holdsGroup();
      } catch (SQLException | RuntimeException e) {
        store.shut();
        throw LedgerException.failed(e);
      }
    }

    private boolean holdsGroup() throws SQLException {
      List<Job> found = rows.loadLive(writing()).stream().map(JobRows.LiveRow::job).toList();
      // Live jobs alone do not tell: a group need not change any.
      boolean there = begun.isPresent() && store.commits() >= begun.getAsLong();
      if (!live.equalAfter(there ? kept.values() : List.of(), found)) {
        throw new LedgerException(
            LedgerException.Kind.UNKNOWN,
            store.describe()
                + " does not hold what was written to it: nothing more is recorded; look at its"
                + " disk, then start the agent again");
      }
      if (there) {
        store.commit(); // not where it is void: that is found out on a disk that is full, too
      }
      return there;
    }

    @Override
    public void publish() {
      List<Job> changed = List.copyOf(kept.values());
      watch.reached(CommitWatch.Boundary.UNTOLD, changed);
      published = changed;
      begun = OptionalLong.empty();
      newestOnDisk = sequence;
      // First: a job is at no time in neither.
      ended.changed(changed);
      ended.forgotten(forgotten);
      forgotten.clear();
      changed.forEach(job -> live.put(job, requestBytes(job)));
      before.clear(); // not where a group is void: until then its changes may have been read
      changed.stream().filter(job -> requestBytes.containsKey(job.id())).forEach(counts::created);
      ownersOfForgotten.forEach(counts::forgotten);
      ownersOfForgotten.clear();
      kept.clear();
      last.clear();
      for (Job job : changed) {
        listeners.forEach(listener -> tell(listener, job));
      }
    }

    private void tell(Consumer<Job> listener, Job job) {
      try {
        listener.accept(job);
      } catch (RuntimeException e) {
        log.error("{} is on disk, but a listener failed", job.id(), e);
      }
    }

    @Override
    public void rest() throws SQLException {
      watch.reached(CommitWatch.Boundary.TOLD, published);
      published = List.of();
      store.compactWhereGrown();
    }

    @Override
    public void idle() throws SQLException {
      store.checkpoint();
    }
  }
}
