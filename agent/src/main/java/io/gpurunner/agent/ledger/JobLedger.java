package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.Listed;
import io.gpurunner.agent.ledger.commit.CommitThread;
import io.gpurunner.agent.ledger.commit.Commits;
import io.gpurunner.agent.ledger.commit.GroupCommit;
import io.gpurunner.agent.ledger.disk.Backups;
import io.gpurunner.agent.ledger.disk.CallbackRecord;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.IndexView;
import io.gpurunner.agent.ledger.disk.JobCodec;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.agent.ledger.disk.LedgerDisk;
import io.gpurunner.agent.ledger.disk.LedgerInUse;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.ledger.disk.Needed;
import io.gpurunner.agent.ledger.disk.Selection;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The record of jobs, and the only way to change it. A commit is decided on what is recorded,
 * written to the journal and synced before its caller is answered. Jobs that have not ended are
 * also in memory; the others are asked of the index. Thread-safe; calls block.
 */
public final class JobLedger implements AutoCloseable {
  private static final Duration BACKUP_INTERVAL = Duration.ofDays(1);

  private static final Logger log = LoggerFactory.getLogger(JobLedger.class);

  private final Clock clock;
  private final LedgerStore disk;
  private final Records records;
  private final EndedStandings ended = new EndedStandings();
  private final List<Consumer<Job>> listeners = new CopyOnWriteArrayList<>();
  private final Decisions decisions;
  private final Commits commits;

  JobLedger(
      Clock clock,
      LedgerStore disk,
      Records records,
      Supplier<JobId> ids,
      CommitWatch watch,
      Function<GroupCommit.Group, Commits> committing)
      throws IOException {
    this.clock = clock;
    this.disk = disk;
    this.records = records;
    Needed needed = disk.needed();
    needed.jobs().forEach(records::load);
    Draft draft = new Draft();
    this.decisions = new Decisions(disk, records, draft, clock, ids, needed.newestSequence());
    this.commits = committing.apply(new Recorder(disk, records, ended, draft, watch, listeners));
  }

  /**
   * Opens a ledger, or makes one where there is none.
   *
   * @param directory where its files are
   * @throws LedgerException FAILED naming what is wrong: in use by another agent, damaged, or of a
   *     newer version
   */
  public static JobLedger open(Path directory, Clock clock) {
    return open(directory, clock, CommitWatch.NONE);
  }

  /** Opens a ledger whose watch is called at the boundaries of every group. */
  public static JobLedger open(Path directory, Clock clock, CommitWatch watch) {
    LedgerPlace place = LedgerPlace.onDisk(directory);
    return open(place, clock, watch, LedgerDisk.SEGMENT_BYTES);
  }

  static JobLedger open(LedgerPlace place, Clock clock, CommitWatch watch, int segmentBytes) {
    Records records = new Records();
    try {
      LedgerDisk disk = LedgerDisk.open(place, segmentBytes, records::applied);
      try {
        JobLedger ledger =
            new JobLedger(clock, disk, records, JobId::random, watch, CommitThread::new);
        disk.start();
        return ledger;
      } catch (IOException | RuntimeException e) {
        disk.close();
        throw e;
      }
    } catch (LedgerInUse e) {
      throw new LedgerException(LedgerException.Kind.FAILED, String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new LedgerException(
          LedgerException.Kind.FAILED,
          "the ledger "
              + place.directory()
              + " cannot be opened: "
              + e.getMessage()
              + "; "
              + Backups.remedy(place.directory()),
          e);
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
   * @param source the body as it was sent, of which a key keeps only a digest
   * @return once it is on disk
   * @throws LedgerException FILES_NOT_THERE where it is to resume from a job whose files are not
   *     there, or that is none of the caller's
   */
  public Creation create(
      Caller caller, JobRequest request, String source, Optional<String> idempotencyKey) {
    // On the caller's thread: all creates share the ledger's.
    Optional<Entry.Key> key =
        idempotencyKey.flatMap(
            sent -> JobCodec.bodyDigest(source).map(digest -> new Entry.Key(sent, digest)));
    if (key.isPresent() || request.resumeFrom().isPresent()) {
      disk.awaitIndex();
    }
    return commits.commit(() -> decisions.create(caller, request, key));
  }

  /** Commits work about a job, which may be in the index only. */
  private <T> T commit(JobId id, Supplier<T> work) {
    if (records.find(id).isEmpty()) {
      disk.awaitIndex();
    }
    return commits.commit(work);
  }

  /**
   * Moves a job by an event decided on this version of it.
   *
   * @throws LedgerException STALE where it has moved on since; LEASE_TAKEN
   */
  public Job apply(Job decidedOn, JobEvent event) {
    return commit(decidedOn.id(), () -> decisions.apply(decidedOn, event));
  }

  /**
   * Waits until the outcome of every earlier commit is certain, and checks that the job is still as
   * it was read. A commit whose caller was answered UNKNOWN may still be on its way. Records
   * nothing.
   *
   * @throws LedgerException STALE where the job has moved on
   */
  public void confirm(Job read) {
    commit(read.id(), () -> decisions.unmoved(read));
  }

  /**
   * Records a deletion request. A queued job is deleted by that; a finished one stays as it is.
   *
   * @throws LedgerException ABSENT
   */
  public Job requestDeletion(JobId id, String by) {
    return commit(id, () -> decisions.requestDeletion(id, by));
  }

  /** Adds a line to a job's history. */
  public void note(JobId id, String kind, String message) {
    commit(id, () -> decisions.note(id, kind, message));
  }

  /** Records that a callback was delivered. */
  public void callbackDelivered(PendingCallback callback, String message) {
    tried(
        callback, CallbackRecord.Status.DELIVERED, clock.instant(), "callback-delivered", message);
  }

  /** Records that a callback is given up. */
  public void callbackAbandoned(PendingCallback callback, String message) {
    tried(
        callback, CallbackRecord.Status.ABANDONED, clock.instant(), "callback-abandoned", message);
  }

  /** Records that a try of a callback failed, and when the next one is due. */
  public void callbackPostponed(PendingCallback callback, Instant nextTryAt, String message) {
    tried(callback, CallbackRecord.Status.PENDING, nextTryAt, "callback-failed", message);
  }

  private void tried(
      PendingCallback callback,
      CallbackRecord.Status status,
      Instant nextTryAt,
      String kind,
      String message) {
    JobHistory.Line line = new JobHistory.Line(clock.instant(), kind, message);
    commit(callback.job(), () -> decisions.tried(callback, status, nextTryAt, line));
  }

  /** Makes all callbacks that are due later than some time due at that time. */
  public void limitCallbackWaits(Instant latest) {
    if (callbacks().nextAfter(latest).isPresent()) {
      commits.commit(() -> decisions.limitCallbackWaits(latest));
    }
  }

  /**
   * Gives the files of a finished job up, before any of them is removed.
   *
   * @return false where they must stay: a job that has not ended resumes from them, or the job is
   *     live again
   */
  public boolean giveFilesUp(JobId id) {
    return commit(id, () -> decisions.giveFilesUp(id));
  }

  /**
   * Gives the files of a finished job up, because a user asks for that.
   *
   * @return false where they must stay, as with {@link #giveFilesUp}
   */
  public boolean purge(JobId id, String by) {
    return commit(id, () -> decisions.purge(id, by));
  }

  /** The files of a finished job were removed. */
  public void swept(JobId id) {
    commit(id, () -> decisions.swept(id));
  }

  /**
   * Removes the records of some jobs that ended long ago. Their files were removed before, and
   * their callbacks are settled.
   *
   * @param endedBefore jobs that ended before this time are removed
   * @param newest how many jobs there may be; of those beyond, the ones that ended first go
   * @param limit the most removed by this call, which is one commit
   * @return how many were removed
   */
  public int forget(Instant endedBefore, long newest, int limit) {
    List<JobId> candidates = read(view -> view.forgettable(endedBefore, newest, limit));
    return candidates.isEmpty() ? 0 : commits.commit(() -> decisions.forget(candidates));
  }

  /** Makes a backup in the directory {@code backups} if the last one is a day old. */
  public void backUpDaily() {
    try {
      disk.backUpWhereLast(BACKUP_INTERVAL, clock.instant());
    } catch (IOException e) {
      throw new LedgerException(LedgerException.Kind.FAILED, String.valueOf(e.getMessage()), e);
    }
  }

  // ---- reading

  /** Jobs that have not ended, as last recorded. */
  public Collection<Job> live() {
    return records.live();
  }

  /** Returns a live job. Never reads the disk. */
  public Optional<Job> findLive(JobId id) {
    return records.findLive(id);
  }

  /** Returns a job, live or ended. */
  public Optional<Job> find(JobId id) {
    return record(id).map(JobRecord::job);
  }

  Optional<JobRecord> record(JobId id) {
    return records.find(id).map(Change::record).orElseGet(() -> read(view -> view.find(id)));
  }

  /**
   * Returns the standing of a job. For most ended jobs this is many times cheaper than {@link
   * #find}.
   */
  public Optional<Standing> standing(JobId id) {
    return findLive(id).map(Standing::of).or(() -> ended.find(id, this::readStanding));
  }

  private Optional<Standing> readStanding(JobId id) {
    return find(id).map(Standing::of);
  }

  /**
   * What became of a key of a user's, if it was used before.
   *
   * @param source a body, which need not be JSON; such a one made no job
   */
  public Optional<Creation> findKey(String user, String idempotencyKey, String source) {
    return JobCodec.bodyDigest(source)
        .flatMap(
            digest ->
                records
                    .find(new Records.UserKey(user, idempotencyKey))
                    .or(() -> read(view -> view.findKey(user, idempotencyKey)))
                    .map(earlier -> Decisions.answer(earlier, digest)));
  }

  /** What a user's jobs that have not ended take. */
  public LiveLoad loadOf(String user) {
    return records.loadOf(user);
  }

  /** What all jobs that have not ended take. */
  public LiveLoad load() {
    return records.load();
  }

  /** Which job holds which device. */
  public Map<GpuUuid, JobId> leases() {
    return records.leases();
  }

  /** A job's history, oldest first, at most {@code limit} of its newest lines. */
  public List<JobHistory.Line> history(JobId id, int limit) {
    List<JobHistory.Line> lines = history(id);
    return lines.subList(Math.max(0, lines.size() - limit), lines.size());
  }

  /** A job's history as far as it is kept ({@link JobRecord#LINE_LIMIT}), oldest first. */
  public List<JobHistory.Line> history(JobId id) {
    return record(id).map(JobRecord::lines).orElse(List.of());
  }

  /**
   * Jobs newest first; of one user, or of all. {@code page} counts from 1.
   *
   * @param each returns what is wanted of a job; only one whole job is in memory at a time
   */
  public <T> List<T> page(Optional<String> user, int page, int size, Function<Job, T> each) {
    return read(view -> view.page(user, page, size, each));
  }

  /**
   * One page of a list, newest first, and how many jobs the whole list has. Jobs that have not
   * ended are in memory; the others are asked of the index.
   *
   * @param page counts from 1
   * @param each returns what is wanted of a job
   */
  public <T> Listed<T> list(JobFilter filter, int page, int size, Function<Job, T> each) {
    boolean live = filter.state().filter(state -> state == JobFilter.State.LIVE).isPresent();
    return live
        ? records.list(filter, (long) (page - 1) * size, size, each)
        : read(view -> view.list(selection(filter), page, size, each));
  }

  private static Selection selection(JobFilter filter) {
    return new Selection(filter.user(), filter.state().isPresent(), filter.idPrefix());
  }

  /** How many jobs there are; of one user, or of all. */
  public long count(Optional<String> user) {
    return read(view -> view.count(user));
  }

  /** The callbacks that are owed. */
  public OwedCallbacks callbacks() {
    return records.callbacks();
  }

  /**
   * Finished jobs whose files are still here though they ended before that time: first those whose
   * removal was begun, then the others, the oldest end first.
   *
   * @param after the last of the page before
   */
  public List<Job> sweepable(Instant endedBefore, Optional<Job> after, int limit) {
    return read(view -> view.sweepable(endedBefore, after, limit));
  }

  /** Runs a query on the index once it has all that was answered before. */
  <T> T read(Function<IndexView, T> query) {
    try {
      return disk.read(query);
    } catch (IOException e) {
      throw new LedgerException(LedgerException.Kind.FAILED, String.valueOf(e.getMessage()), e);
    }
  }

  /** Makes snapshots and spare segments that are due. A thread does this every second. */
  void tidy() {
    disk.tidy();
  }

  /** Records nothing. After a failure, this finds out whether the disk works again. */
  public void probe() {
    disk.retry();
    try {
      commits.commit(records::load);
    } catch (LedgerException e) {
      log.warn("the ledger is not well: {}", e.getMessage());
    }
  }

  /** Returns why no job may be taken now; empty if all is well. Never blocks. */
  public Optional<String> fault() {
    return commits.fault().or(disk::fault);
  }

  @Override
  public void close() {
    commits.close();
    disk.close();
  }
}
