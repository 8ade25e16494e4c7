package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.Records.UserKey;
import io.gpurunner.agent.ledger.disk.CallbackRecord;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.IndexView;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.api.Caller;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobRequest;
import io.gpurunner.gpu.GpuUuid;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Decides commits: each adds what it decides to the draft of its group. A decision sees all earlier
 * ones, also those of its own group. For the thread that records.
 */
final class Decisions {
  /** The longest message of a line of history that is kept; an engine's can be of any length. */
  private static final int MESSAGE_LIMIT_CHARS = 4_000;

  private final LedgerStore disk;
  private final Records records;
  private final Draft draft;
  private final Clock clock;
  private final Supplier<JobId> ids;
  private long sequence;

  /**
   * @param sequence the highest sequence that a job ever had
   */
  Decisions(
      LedgerStore disk,
      Records records,
      Draft draft,
      Clock clock,
      Supplier<JobId> ids,
      long sequence) {
    this.disk = disk;
    this.records = records;
    this.draft = draft;
    this.clock = clock;
    this.ids = ids;
    this.sequence = sequence;
  }

  Creation create(Caller caller, JobRequest request, Optional<Entry.Key> key) {
    String user = caller.user();
    Optional<Creation> earlier =
        key.flatMap(
            sent -> findKey(new UserKey(user, sent.key())).map(job -> answer(job, sent.digest())));
    if (earlier.isPresent()) {
      return earlier.get();
    }
    request
        .resumeFrom()
        .map(from -> resumable(caller, from))
        .ifPresent(Decisions::requireFilesOfEnded);
    sequence++;
    Job job = Job.created(ids.get(), user, sequence, clock.instant(), request);
    List<JobHistory.Line> lines = new ArrayList<>();
    lines.add(line("submitted", "submitted by " + user));
    request.notes().forEach(note -> lines.add(line("note", note)));
    draft.add(new Entry.Created(job, key, lines));
    return new Creation.Created(job.id());
  }

  private Optional<JobRecord> findKey(UserKey key) {
    return draft
        .find(key)
        .or(() -> records.find(key))
        .or(() -> behind(view -> view.findKey(key.user(), key.key())))
        // The index may still have a job of which nothing is kept any more.
        .filter(job -> find(job.job().id()).isPresent());
  }

  /** Returns the answer to a request whose key created a job before. */
  static Creation answer(JobRecord earlier, String digest) {
    JobId id = earlier.job().id();
    return earlier.key().orElseThrow().digest().equals(digest)
        ? new Creation.Existing(id)
        : new Creation.KeyReused(id);
  }

  /** Returns a job that the caller may resume from. A job of another user counts as absent. */
  private Job resumable(Caller caller, JobId id) {
    return find(id)
        .map(JobRecord::job)
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
              : "the files of " + job.id() + " were removed");
    }
  }

  Job apply(Job decidedOn, JobEvent event) {
    return move(unmoved(decidedOn), event);
  }

  Job unmoved(Job read) {
    Job current = current(read.id());
    if (current.version() != read.version()) {
      throw new LedgerException(
          LedgerException.Kind.STALE,
          read.id() + " is at version " + current.version() + ", decided on " + read.version());
    }
    return current;
  }

  Job requestDeletion(JobId id, String by) {
    Job current = current(id);
    return switch (current.state()) {
      case JobState.Final _ -> current;
      case JobState.Queued _ -> move(current, new JobEvent.Removed(clock.instant(), by));
      case JobState.Placed _, JobState.Uploading _ ->
          current.deletion().isPresent() ? current : withDeletion(current, by);
    };
  }

  private Job withDeletion(Job current, String by) {
    return change(
        current,
        current.withDeletion(new Job.Deletion(by, clock.instant())),
        List.of(line("delete-requested", "deletion requested by " + by)));
  }

  private Job move(Job current, JobEvent event) {
    if (event instanceof JobEvent.UploadResumed) {
      requireFilesOfEnded(current);
    }
    if (event instanceof JobEvent.Leased leased) {
      leased.gpus().forEach(this::requireFree);
    }
    Job next = current.after(event);
    List<JobHistory.Line> lines = new ArrayList<>();
    JobHistory.linesOf(event, now()).forEach(line -> lines.add(shortened(line)));
    if (next.state() instanceof JobState.Queued queued) {
      lines.add(queuedAgain(current, next, queued.attempt()));
    }
    return change(current, next, lines);
  }

  private JobHistory.Line queuedAgain(Job before, Job next, int attempt) {
    boolean sameRun = before.state() instanceof JobState.Placed run && run.attempt() == attempt;
    String words = "queued again for run " + attempt + " of " + (next.request().retries() + 1);
    return sameRun
        ? line(
            JobHistory.QUEUED_AGAIN,
            words
                + next.setback()
                    .map(setback -> "; next try not before " + seconds(setback.notBefore()))
                    .orElse(""))
        : line(JobHistory.RETRY, words);
  }

  private static Instant seconds(Instant at) {
    return at.truncatedTo(ChronoUnit.SECONDS);
  }

  private void requireFree(GpuUuid gpu) {
    boolean leased =
        live()
            .anyMatch(
                job ->
                    job.state() instanceof JobState.Placed placed && placed.gpus().contains(gpu));
    if (leased) {
      throw new LedgerException(LedgerException.Kind.LEASE_TAKEN, gpu + " is leased already");
    }
  }

  /** The jobs that have not ended, after what was decided so far. */
  private Stream<Job> live() {
    return Stream.concat(
            records.live().stream().filter(job -> draft.find(job.id()).isEmpty()),
            draft.changes().stream()
                .flatMap(change -> change.record().stream())
                .map(JobRecord::job))
        .filter(job -> job.state() instanceof JobState.Live);
  }

  private Job change(Job before, Job after, List<JobHistory.Line> lines) {
    draft.add(
        new Entry.Changed(
            after.id(),
            after.sequence(),
            after.version(),
            after.state(),
            after.deletion(),
            after.setback(),
            after.files(),
            after.gpuUse(),
            lines,
            before.state() instanceof JobState.Live ? owed(after) : Optional.empty()),
        recordOf(before.id()));
    return after;
  }

  /** The callback that reports an end. */
  private Optional<Entry.Owed> owed(Job job) {
    if (job.request().callbackUrl().isEmpty()) {
      return Optional.empty();
    }
    return switch (job.state()) {
      case JobState.Succeeded _ -> Optional.of(owed(job, true));
      case JobState.Failed _ -> Optional.of(owed(job, false));
      case JobState.Deleted _, JobState.Live _ -> Optional.empty();
    };
  }

  private Entry.Owed owed(Job job, boolean success) {
    // Named by what it reports, so that reporting it again after a crash is no second callback.
    String reported = job.id() + "/" + job.version();
    return new Entry.Owed(
        UUID.nameUUIDFromBytes(reported.getBytes(StandardCharsets.UTF_8)).toString(),
        success,
        now());
  }

  Job note(JobId id, String kind, String message) {
    JobRecord record = recordOf(id);
    draft.add(new Entry.Noted(id, record.job().sequence(), line(kind, message)), record);
    return record.job();
  }

  /**
   * Records the outcome of a try of a callback. A delivery is recorded even if another try was
   * recorded since.
   */
  JobId tried(
      PendingCallback callback,
      CallbackRecord.Status status,
      Instant nextTryAt,
      JobHistory.Line line) {
    Optional<JobRecord> record = find(callback.job()).filter(JobRecord::isOwed);
    Optional<CallbackRecord> owed =
        record
            .flatMap(JobRecord::callback)
            .filter(now -> now.deliveryId().equals(callback.deliveryId()))
            .filter(
                now ->
                    now.tries() == callback.tries() || status == CallbackRecord.Status.DELIVERED);
    if (owed.isPresent()) {
      CallbackRecord next = owed.get().afterTry(status, millis(line.at()), millis(nextTryAt));
      draft.add(
          new Entry.Tried(
              callback.job(),
              record.orElseThrow().job().sequence(),
              next,
              Optional.of(shortened(line))),
          record.orElseThrow());
    }
    return callback.job();
  }

  Instant limitCallbackWaits(Instant latest) {
    Instant limit = millis(latest);
    for (JobId id : records.callbacks().laterThan(limit)) {
      JobRecord record = recordOf(id);
      if (record.isOwed()) {
        CallbackRecord sooner = record.callback().orElseThrow().dueAt(limit);
        draft.add(new Entry.Tried(id, record.job().sequence(), sooner, Optional.empty()), record);
      }
    }
    return latest;
  }

  boolean giveFilesUp(JobId id) {
    return giveFilesUp(id, List.of());
  }

  boolean purge(JobId id, String by) {
    return giveFilesUp(
        id, List.of(line("purge-requested", "removal of its files requested by " + by)));
  }

  private boolean giveFilesUp(JobId id, List<JobHistory.Line> lines) {
    Job job = current(id);
    boolean needed =
        live().anyMatch(other -> other.request().resumeFrom().filter(id::equals).isPresent());
    if (needed || !(job.state() instanceof JobState.Final)) {
      return false;
    }
    if (job.files() == JobFiles.KEPT) {
      change(job, job.withFiles(JobFiles.SWEEPING), lines);
    }
    return true;
  }

  Job swept(JobId id) {
    Job job = current(id);
    return change(job, job.withFiles(JobFiles.SWEPT), List.of(line("swept", "files removed")));
  }

  /** Removes the records of those candidates that nothing needs any more. */
  int forget(List<JobId> candidates) {
    int removed = 0;
    for (JobId id : candidates) {
      Optional<JobRecord> record = find(id);
      if (record.isPresent() && isForgettable(record.get())) {
        draft.add(new Entry.Forgotten(id, record.get().job().sequence()), record.get());
        removed++;
      }
    }
    return removed;
  }

  private static boolean isForgettable(JobRecord record) {
    return record.job().files() == JobFiles.SWEPT && !record.isOwed();
  }

  // ---- what is there

  private Job current(JobId id) {
    return recordOf(id).job();
  }

  private JobRecord recordOf(JobId id) {
    return find(id)
        .orElseThrow(() -> new LedgerException(LedgerException.Kind.ABSENT, "no such job: " + id));
  }

  private Optional<JobRecord> find(JobId id) {
    return draft
        .find(id)
        .or(() -> records.find(id))
        .map(Change::record)
        .orElseGet(() -> behind(view -> view.find(id)));
  }

  private <T> T behind(Function<IndexView, T> query) {
    try {
      return disk.readBehind(query);
    } catch (IOException e) {
      throw LedgerException.failed(e);
    }
  }

  private Instant now() {
    return millis(clock.instant());
  }

  /** Times are kept to the millisecond. */
  private static Instant millis(Instant at) {
    return at.truncatedTo(ChronoUnit.MILLIS);
  }

  private JobHistory.Line line(String kind, String message) {
    return shortened(new JobHistory.Line(now(), kind, message));
  }

  static JobHistory.Line shortened(JobHistory.Line line) {
    String message = line.message();
    return new JobHistory.Line(
        millis(line.at()),
        line.kind(),
        message.length() <= MESSAGE_LIMIT_CHARS
            ? message
            : message.substring(0, MESSAGE_LIMIT_CHARS) + "…");
  }
}
