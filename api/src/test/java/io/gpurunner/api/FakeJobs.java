package io.gpurunner.api;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Jobs in memory. Their states never change. Thread-safe. */
final class FakeJobs implements Jobs {
  /** A job as it was created. */
  record Stored(Caller owner, JobRequest request, String source, Optional<String> idempotencyKey) {}

  final Map<JobId, Stored> stored = new ConcurrentHashMap<>();
  final AtomicReference<JobStatus> status =
      new AtomicReference<>(new JobStatus(JobStatus.Phase.WORKING, Optional.empty()));
  final AtomicReference<String> state = new AtomicReference<>("QUEUED");
  final AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();

  final AtomicReference<@Nullable DiskUse> disk = new AtomicReference<>();

  /** Runs at the start of every call, on its virtual thread. */
  volatile Runnable before = () -> {};

  volatile Function<JobId, JobArtifacts> artifacts =
      id -> JobArtifacts.none(id, "RUNNING", "the job has not ended");

  volatile int lastPage;
  volatile int lastSize;
  volatile JobFilter lastFilter = JobFilter.ALL;

  @Override
  public JobId create(
      Caller caller, JobRequest request, String source, Optional<String> idempotencyKey) {
    begin();
    JobId id = JobId.random();
    stored.put(id, new Stored(caller, request, source, idempotencyKey));
    return id;
  }

  @Override
  public Optional<JobId> createdBefore(Caller caller, String idempotencyKey, String source) {
    return stored.entrySet().stream()
        .filter(entry -> entry.getValue().owner().equals(caller))
        .filter(entry -> entry.getValue().idempotencyKey().equals(Optional.of(idempotencyKey)))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  @Override
  public JobStatus status(Caller caller, JobId id) {
    begin();
    owned(caller, id);
    return status.get();
  }

  @Override
  public String delete(Caller caller, JobId id) {
    begin();
    owned(caller, id);
    return "the job is being stopped";
  }

  @Override
  public String purge(Caller caller, JobId id) {
    begin();
    owned(caller, id);
    return "the job's files are being removed";
  }

  @Override
  public String retryUpload(Caller caller, JobId id) {
    begin();
    owned(caller, id);
    return "the upload starts again";
  }

  @Override
  public JobPage list(Caller caller, JobFilter filter, int page, int size) {
    begin();
    lastFilter = filter;
    lastPage = page;
    lastSize = size;
    List<JobDetail> mine =
        stored.entrySet().stream()
            .filter(entry -> caller.admin() || entry.getValue().owner().equals(caller))
            .map(entry -> detail(entry.getKey(), entry.getValue(), List.of()))
            .toList();
    return new JobPage(mine, mine.size());
  }

  @Override
  public JobArtifacts artifacts(Caller caller, JobId id) {
    begin();
    owned(caller, id);
    return artifacts.apply(id);
  }

  @Override
  public Optional<DiskUse> disk(Caller caller) {
    return Optional.ofNullable(disk.get());
  }

  @Override
  public JobDetail detail(Caller caller, JobId id) {
    begin();
    Stored job = owned(caller, id);
    return detail(
        id, job, List.of(new JobDetail.Event(Instant.EPOCH, "created", "accepted by the agent")));
  }

  private JobDetail detail(JobId id, Stored job, List<JobDetail.Event> events) {
    return new JobDetail(
        id,
        7,
        job.owner().user(),
        job.request(),
        status.get(),
        state.get(),
        Optional.of("waits for 1 GPU"),
        Optional.of(1),
        Optional.of(Instant.EPOCH.plusSeconds(60)),
        List.of(),
        Instant.EPOCH,
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        List.of(),
        events.isEmpty()
            ? List.of()
            : List.of(
                new JobDetail.Attempt(
                    1,
                    Optional.of(Instant.EPOCH),
                    Optional.of(Instant.EPOCH),
                    Optional.of("exit code 1"))),
        events);
  }

  private void begin() {
    before.run();
    RuntimeException planned = failure.get();
    if (planned != null) {
      throw planned;
    }
  }

  private Stored owned(Caller caller, JobId id) {
    Stored job = stored.get(id);
    if (job == null || !(caller.admin() || job.owner().user().equals(caller.user()))) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.NOT_FOUND, "job_id: there is no job \"" + id + "\"");
    }
    return job;
  }

  /** Returns the status of a success whose file is at this URL. */
  static JobStatus success(String url) {
    return new JobStatus(JobStatus.Phase.SUCCESS, Optional.of(URI.create(url)));
  }
}
