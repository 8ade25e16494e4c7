package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Listed;
import io.gpurunner.agent.ledger.Creation;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.agent.ledger.LiveLoad;
import io.gpurunner.agent.ledger.Standing;
import io.gpurunner.api.ApiLimits;
import io.gpurunner.api.Caller;
import io.gpurunner.api.DiskUse;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.Health;
import io.gpurunner.api.JobArtifacts;
import io.gpurunner.api.JobDetail;
import io.gpurunner.api.JobFilter;
import io.gpurunner.api.JobId;
import io.gpurunner.api.JobPage;
import io.gpurunner.api.JobRequest;
import io.gpurunner.api.JobStatus;
import io.gpurunner.api.Jobs;
import io.gpurunner.api.RequestRefusedException;
import io.gpurunner.api.RequestRefusedException.Kind;
import io.gpurunner.gpu.GpuUuid;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Answers what clients ask about jobs, from the ledger. It only records what they request, and the
 * runner carries it out. Thread-safe.
 */
public final class JobDesk implements Jobs {
  /** The largest number of live jobs of one user. */
  static final int LIVE_JOBS_PER_USER_LIMIT = 10_000;

  /** The largest length of the requests of one user's live jobs, which are held in memory. */
  static final long LIVE_BYTES_PER_USER_LIMIT = 32 << 20;

  /** The largest length of the requests of all live jobs. */
  static final long LIVE_BYTES_LIMIT = 128 << 20;

  /** The largest number of lines of history in an answer. */
  private static final int HISTORY_LIMIT = 500;

  private static final Duration RETRY_AFTER = Duration.ofSeconds(10);

  /**
   * The largest number of list rows that are put together at a time, for all users: two pages of
   * the largest size. One such page takes tens of MB where the requests are the longest.
   */
  static final int ROWS_LISTED_AT_A_TIME = 2 * ApiLimits.MAX_PAGE_SIZE;

  /** The time after which a list can be asked for again. A list takes milliseconds. */
  private static final Duration LIST_RETRY_AFTER = Duration.ofSeconds(1);

  private final Semaphore listedRows = new Semaphore(ROWS_LISTED_AT_A_TIME);

  /** The users whose list is being put together. Each user gets one list at a time. */
  private final Set<String> listing = ConcurrentHashMap.newKeySet();

  private final JobLedger ledger;
  private final Dispatcher dispatcher;
  private final GpuMeter meter;
  private final Function<Job, Optional<String>> missing;
  private final ArtifactUrls urls;
  private final PublishedFiles published;
  private final Health health;
  private final RunSettings settings;
  private final UserLimits limits;
  private final Clock clock;
  private final UnaryOperator<Instant> shown;

  /**
   * @param meter measures what a job does with its GPUs now
   * @param missing returns what a placed job waits for, or how far its pull is
   * @param limits what one user may have
   * @param shown converts a time of the steady clock to the time that users see
   */
  public JobDesk(
      JobLedger ledger,
      Dispatcher dispatcher,
      GpuMeter meter,
      Function<Job, Optional<String>> missing,
      ArtifactUrls urls,
      Health health,
      RunSettings settings,
      UserLimits limits,
      Clock clock,
      UnaryOperator<Instant> shown) {
    this.shown = shown;
    this.meter = meter;
    this.ledger = ledger;
    this.dispatcher = dispatcher;
    this.missing = missing;
    this.urls = urls;
    this.published = new PublishedFiles(urls);
    this.health = health;
    this.settings = settings;
    this.limits = limits;
    this.clock = clock;
  }

  @Override
  public Optional<JobId> createdBefore(Caller caller, String idempotencyKey, String source) {
    return onLedger(() -> ledger.findKey(caller.user(), idempotencyKey, source)).map(JobDesk::idOf);
  }

  @Override
  public JobId create(
      Caller caller, JobRequest request, String source, Optional<String> idempotencyKey) {
    refuseWhereNotAllowed(caller, request);
    refuseWhereNotReady(request);
    refuseWhereOverLimit(caller);
    dispatcher
        .neverFits(request)
        .ifPresent(
            why -> {
              throw new RequestRefusedException(Kind.BAD_REQUEST, why);
            });
    return idOf(onLedger(() -> ledger.create(caller, request, source, idempotencyKey)));
  }

  private static JobId idOf(Creation creation) {
    return switch (creation) {
      case Creation.Created created -> created.id();
      case Creation.Existing existing -> existing.id();
      case Creation.KeyReused reused ->
          throw new RequestRefusedException(
              Kind.CONFLICT,
              "Idempotency-Key: was used before, with another body, for job "
                  + reused.id()
                  + "; send a new key with a new job");
    };
  }

  private void refuseWhereNotReady(JobRequest request) {
    String parts =
        health.report().parts().stream()
            .filter(part -> !part.ok())
            .filter(part -> request.gpuNumber() > 0 || !part.name().equals(Readiness.GPUS))
            .map(part -> part.name() + ": " + part.message())
            .collect(Collectors.joining("; "));
    if (!parts.isEmpty()) {
      throw new RequestRefusedException(
          Kind.UNAVAILABLE, "not ready to take jobs: " + parts, RETRY_AFTER);
    }
  }

  /** Refuses what this user may never ask for. */
  private void refuseWhereNotAllowed(Caller caller, JobRequest request) {
    if (request.priority() > 0 && !caller.admin()) {
      throw new RequestRefusedException(
          Kind.BAD_REQUEST,
          "priority: must be at most 0 with this token, was "
              + request.priority()
              + "; users may lower the priority of their jobs, and only an admin may raise it");
    }
    if (!limits.allowGpus(request.gpuNumber())) {
      throw new RequestRefusedException(
          Kind.BAD_REQUEST,
          "gpuNumber: must be at most "
              + limits.gpus().orElseThrow()
              + ", which is what one user may have at a time on this machine, was "
              + request.gpuNumber());
    }
  }

  private void refuseWhereOverLimit(Caller caller) {
    LiveLoad own = ledger.loadOf(caller.user());
    if (own.queued() >= limits.queuedJobs()) {
      throw tooMany(
          caller.user()
              + " has "
              + own.queued()
              + " jobs in the queue, and one user may have "
              + limits.queuedJobs()
              + "; wait until some have started, or delete some");
    }
    if (own.jobs() >= LIVE_JOBS_PER_USER_LIMIT) {
      throw tooMany(
          caller.user()
              + " has "
              + LIVE_JOBS_PER_USER_LIMIT
              + " jobs that have not ended, the most at a time");
    }
    if (own.requestBytes() >= LIVE_BYTES_PER_USER_LIMIT) {
      throw tooMany(
          "the requests of "
              + caller.user()
              + "'s jobs that have not ended are "
              + LIVE_BYTES_PER_USER_LIMIT
              + " bytes together, the most at a time; send shorter env and labels");
    }
    if (ledger.load().requestBytes() >= LIVE_BYTES_LIMIT) {
      throw new RequestRefusedException(
          Kind.UNAVAILABLE,
          "the requests of all jobs that have not ended are "
              + LIVE_BYTES_LIMIT
              + " bytes together, the most at a time; wait for jobs to end",
          RETRY_AFTER);
    }
  }

  private static RequestRefusedException tooMany(String message) {
    return new RequestRefusedException(Kind.TOO_MANY, message, RETRY_AFTER);
  }

  @Override
  public JobStatus status(Caller caller, JobId id) {
    return statusOf(standing(caller, id));
  }

  private JobStatus statusOf(Standing job) {
    return new JobStatus(job.phase(), urls.urlFor(job));
  }

  @Override
  public String delete(Caller caller, JobId id) {
    standing(caller, id);
    Job job = onLedger(() -> ledger.requestDeletion(id, caller.user()));
    return switch (job.state()) {
      case JobState.Succeeded _ -> "the job had ended already: success";
      case JobState.Failed _ -> "the job had ended already: fail";
      case JobState.Deleted _ -> "the job is deleted";
      case JobState.Live _ ->
          job.state() instanceof JobState.Uploading
              ? "the job is being deleted; what it has uploaded is removed"
              : "the job is being stopped; its GPUs are free once its container is gone";
    };
  }

  @Override
  public Optional<DiskUse> disk(Caller caller) {
    return dispatcher.diskOf(caller.user());
  }

  @Override
  public String purge(Caller caller, JobId id) {
    Job job = find(caller, id);
    if (job.state() instanceof JobState.Live) {
      throw new RequestRefusedException(
          Kind.CONFLICT,
          "job " + id + " has not ended, so its files are in use; cancel it, and purge it then");
    }
    if (job.files() == JobFiles.SWEPT) {
      return "the job's files are removed already";
    }
    if (!onLedger(() -> ledger.purge(id, caller.user()))) {
      throw new RequestRefusedException(
          Kind.CONFLICT,
          "the files of job "
              + id
              + " are in use: a job that has not ended resumes from them; purge it when that one"
              + " has ended");
    }
    return "the job's directories, logs and local artifacts are being removed";
  }

  @Override
  public String retryUpload(Caller caller, JobId id) {
    Job job = find(caller, id);
    if (!(job.state() instanceof JobState.Failed failed && failed.uploadable())) {
      throw new RequestRefusedException(
          Kind.CONFLICT,
          "job "
              + id
              + " is "
              + job.state().label()
              + ": only a job that failed for its upload alone can be uploaded again");
    }
    onLedger(
        () ->
            ledger.apply(
                job,
                new JobEvent.UploadResumed(
                    clock.instant(), clock.instant().plus(settings.uploadRetryFor()))));
    return "the upload is tried again; ask for the job's status";
  }

  @Override
  public JobPage list(Caller caller, JobFilter filter, int page, int size) {
    if (!listing.add(caller.user())) {
      throw new RequestRefusedException(
          Kind.TOO_MANY,
          "another list for " + caller.user() + " is being put together; ask again after it",
          LIST_RETRY_AFTER);
    }
    try {
      if (!listedRows.tryAcquire(size)) {
        throw new RequestRefusedException(
            Kind.UNAVAILABLE,
            "lists of "
                + ROWS_LISTED_AT_A_TIME
                + " jobs are being put together for others, the most at a time; ask again",
            LIST_RETRY_AFTER);
      }
      try {
        return listNow(caller, filter, page, size);
      } finally {
        listedRows.release(size);
      }
    } finally {
      listing.remove(caller.user());
    }
  }

  private JobPage listNow(Caller caller, JobFilter filter, int page, int size) {
    if (filter.user().filter(user -> !mayKnow(caller, user)).isPresent()) {
      return new JobPage(List.of(), 0);
    }
    JobFilter allowed = caller.admin() ? filter : filter.ofUser(caller.user());
    Listed<Job> listed =
        onLedger(
            () ->
                ledger.list(allowed, page, size, job -> job.withRequest(job.request().inLists())));
    return new JobPage(
        listed.rows().stream().map(job -> detailOf(job, List.of(), List.of(), List.of())).toList(),
        listed.total());
  }

  @Override
  public JobArtifacts artifacts(Caller caller, JobId id) {
    return published.of(find(caller, id));
  }

  @Override
  public JobDetail detail(Caller caller, JobId id) {
    Job job = find(caller, id);
    List<JobHistory.Line> history = ledger.history(id);
    return detailOf(
        job,
        useOf(job),
        Attempts.of(history, shown),
        history.subList(Math.max(0, history.size() - HISTORY_LIMIT), history.size()).stream()
            .map(line -> new JobDetail.Event(shown.apply(line.at()), line.kind(), line.message()))
            .toList());
  }

  /** Returns what the job's runs did with their GPUs, with the run that is under way. */
  private List<GpuUse> useOf(Job job) {
    return Stream.concat(job.gpuUse().stream(), meter.useOf(job).stream()).toList();
  }

  private JobDetail detailOf(
      Job job,
      List<GpuUse> gpuUse,
      List<JobDetail.Attempt> attempts,
      List<JobDetail.Event> events) {
    Optional<Placement.Waiting> waiting = waiting(job);
    return new JobDetail(
        job.id(),
        job.sequence(),
        job.user(),
        job.request(),
        statusOf(Standing.of(job)),
        job.state().label(),
        explained(job, waiting),
        waiting.map(Placement.Waiting::position),
        waiting.flatMap(_ -> dispatcher.latestStart(job.id())).map(shown),
        job.state() instanceof JobState.Placed placed
            ? placed.gpus().stream().map(GpuUuid::value).toList()
            : List.of(),
        shown.apply(job.createdAt()),
        job.startedAt().map(shown),
        job.state() instanceof JobState.Running running
            ? running.deadline().map(shown)
            : Optional.empty(),
        job.state() instanceof JobState.Final ended
            ? Optional.of(shown.apply(ended.finishedAt()))
            : Optional.empty(),
        gpuUse,
        attempts,
        events);
  }

  /** Returns the place of a queued job, and what it waits for. */
  Optional<Placement.Waiting> waiting(Job job) {
    return dispatcher.whyWaiting(job.id()).filter(_ -> job.state() instanceof JobState.Queued);
  }

  /** Returns why a job failed, or what it waits for. */
  Optional<String> explained(Job job, Optional<Placement.Waiting> waiting) {
    return reason(job)
        .or(() -> waiting.map(Placement.Waiting::reason))
        .or(() -> missing.apply(job));
  }

  private Optional<String> reason(Job job) {
    return JobReasons.of(job, shown).or(() -> urls.whyOutOfReach(Standing.of(job)));
  }

  /**
   * Returns a job that the caller may see.
   *
   * @throws RequestRefusedException NOT_FOUND if there is no such job
   */
  Job find(Caller caller, JobId id) {
    return ledger
        .find(id)
        .filter(job -> mayKnow(caller, job.user()))
        .orElseThrow(() -> noSuchJob(id));
  }

  private Standing standing(Caller caller, JobId id) {
    return ledger
        .standing(id)
        .filter(job -> mayKnow(caller, job.user()))
        .orElseThrow(() -> noSuchJob(id));
  }

  private static boolean mayKnow(Caller caller, String owner) {
    return caller.admin() || owner.equals(caller.user());
  }

  /**
   * Returns the refusal of an unknown job. Another user's job is refused in the same words, so that
   * its existence is not shown.
   */
  private static RequestRefusedException noSuchJob(JobId id) {
    return new RequestRefusedException(Kind.NOT_FOUND, "job_id: no such job: " + id);
  }

  private static <T> T onLedger(java.util.function.Supplier<T> work) {
    try {
      return work.get();
    } catch (LedgerException e) {
      throw switch (e.kind()) {
        case BUSY, CLOSED, FAILED ->
            new RequestRefusedException(
                Kind.UNAVAILABLE, "not ready: " + e.getMessage(), RETRY_AFTER);
        case STALE ->
            new RequestRefusedException(Kind.CONFLICT, "the job changed just now; ask again");
        case FILES_NOT_THERE ->
            new RequestRefusedException(Kind.CONFLICT, String.valueOf(e.getMessage()));
        case ABSENT, LEASE_TAKEN, UNKNOWN -> e;
      };
    }
  }
}
