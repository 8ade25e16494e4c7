package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.agent.ledger.disk.CallbackRecord;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import io.gpurunner.storage.ArtifactPlace;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Writes a ledger as an agent does, one commit after another: jobs with and without keys, runs that
 * are retried, deletion requests, uploads that are resumed, tries of callbacks, and what retention
 * does. One thread.
 */
final class LedgerStory {
  static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-01T00:00:00Z"), ZoneOffset.UTC);

  /** All has ended, and is due, by then, whatever clock the ledger goes by. */
  private static final Instant LATER = Instant.parse("2100-01-01T00:00:00Z");

  private static final int GPUS = 3;

  /** Most jobs that have not ended. */
  private static final int LIVE = 10;

  /** So few that the same key is sent again. */
  private static final int KEYS = 20;

  private static final int RECEIVERS = 3;
  private static final int PAGE_SIZE = 50;
  private static final long NO_LIMIT = 1_000_000;

  private final JobLedger ledger;
  private final Random random;
  private final Map<JobId, Job> jobs;
  private final int part;
  private final int parts;

  /** A callback as recorded. */
  record Callback(String delivery, JobId job, String status, int tries, long nextTryAt) {}

  /**
   * What a ledger holds.
   *
   * @param keys which job a user's key stands for
   * @param callbacks by delivery id
   */
  record Content(Map<JobId, Job> jobs, Map<String, JobId> keys, Map<String, Callback> callbacks) {
    static final Content EMPTY = new Content(Map.of(), Map.of(), Map.of());

    static Content of(JobLedger ledger) {
      Map<String, JobId> keys = new HashMap<>();
      records(ledger)
          .forEach(record -> record.key().ifPresent(key -> keys.put(key.key(), record.job().id())));
      return new Content(
          jobsOf(ledger),
          keys,
          callbacksOf(ledger).stream()
              .collect(Collectors.toMap(Callback::delivery, Function.identity())));
    }
  }

  /** How many jobs were changed, created or removed between two looks. */
  static long changedJobs(Map<JobId, Job> before, Map<JobId, Job> after) {
    long removed = before.keySet().stream().filter(id -> !after.containsKey(id)).count();
    long changed = after.values().stream().filter(job -> !job.equals(before.get(job.id()))).count();
    return removed + changed;
  }

  /**
   * What a commit was answered with.
   *
   * @param job as it is now, where it was changed
   * @param key the key it was created with
   * @param callback as it is after a try
   * @param removed how many records were removed
   */
  record Answer(Optional<Job> job, Optional<String> key, Optional<Callback> callback, int removed) {
    private static Answer of(Job job) {
      return new Answer(Optional.of(job), Optional.empty(), Optional.empty(), 0);
    }

    private static Answer nothing() {
      return new Answer(Optional.empty(), Optional.empty(), Optional.empty(), 0);
    }
  }

  /**
   * @param known what the ledger holds
   */
  LedgerStory(JobLedger ledger, Map<JobId, Job> known, Random random) {
    this(ledger, known, random, 0, 1);
  }

  /** The same, for one of several threads, which keep to jobs and devices of their own. */
  LedgerStory(JobLedger ledger, Map<JobId, Job> known, Random random, int part, int parts) {
    this.ledger = ledger;
    this.part = part;
    this.parts = parts;
    this.jobs = new HashMap<>();
    jobs.putAll(known);
    this.random = random;
  }

  /** All jobs as last committed. */
  Map<JobId, Job> jobs() {
    return Map.copyOf(jobs);
  }

  /** All jobs that a ledger holds. */
  static Map<JobId, Job> jobsOf(JobLedger ledger) {
    Map<JobId, Job> jobs = new HashMap<>();
    ledger.page(Optional.empty(), 1, 100_000, job -> job).forEach(job -> jobs.put(job.id(), job));
    return jobs;
  }

  private static List<JobRecord> records(JobLedger ledger) {
    return jobsOf(ledger).keySet().stream().flatMap(id -> ledger.record(id).stream()).toList();
  }

  private static List<Callback> callbacksOf(JobLedger ledger) {
    return records(ledger).stream()
        .flatMap(record -> record.callback().stream().map(one -> of(record, one)))
        .toList();
  }

  private static Callback of(JobRecord record, CallbackRecord callback) {
    return new Callback(
        callback.deliveryId(),
        record.job().id(),
        callback.status().name(),
        callback.tries(),
        callback.nextTryAt().toEpochMilli());
  }

  /** One more commit. */
  Answer next() {
    List<Job> live =
        ledger.live().stream()
            .filter(this::isOwn)
            .sorted(Comparator.comparingLong(Job::sequence))
            .toList();
    Answer answer = live.size() < 2 ? create() : next(live);
    ledger.tidy();
    answer.job().ifPresent(job -> jobs.put(job.id(), job));
    if (answer.removed() > 0) {
      jobs.keySet().removeIf(id -> ledger.find(id).isEmpty());
    }
    return answer;
  }

  private boolean isOwn(Job job) {
    return job.sequence() % parts == part;
  }

  private Answer next(List<Job> live) {
    // Rather an old one, so that some end.
    Job job = live.get(random.nextInt(1 + random.nextInt(live.size())));
    return switch (random.nextInt(18)) {
      case 0, 1, 2 -> live.size() < LIVE ? create() : move(job);
      case 3 -> Answer.of(ledger.requestDeletion(job.id(), "ann"));
      case 4, 5 -> tryCallback().orElseGet(() -> move(job));
      case 6, 7 -> sweep().orElseGet(() -> move(job));
      case 8, 9 -> resumeUpload().orElseGet(() -> move(job));
      case 10 -> part == 0 ? remove() : move(job);
      default -> move(job);
    };
  }

  private Answer create() {
    Requests request = Requests.simple().retries(random.nextInt(2));
    if (random.nextInt(4) > 0) {
      int receiver = 1 + random.nextInt(RECEIVERS);
      request.callback(URI.create("http://127.0.0.1:" + receiver + "/cb"));
    }
    if (random.nextBoolean()) {
      return create(request, "key-" + part + "-" + random.nextInt(KEYS));
    }
    return created(request.environmentOf(random.nextInt(6000)), "{}", Optional.empty());
  }

  private Answer create(Requests request, String key) {
    return created(request, "{\"key\":\"" + key + "\"}", Optional.of(key));
  }

  private Answer created(Requests request, String source, Optional<String> key) {
    return switch (ledger.create(Requests.ANN, request.build(), source, key)) {
      case Creation.Created created ->
          new Answer(ledger.find(created.id()), key, Optional.empty(), 0);
      case Creation.Existing existing -> {
        if (ledger.find(existing.id()).isEmpty()) {
          throw new AssertionError("a key stands for a job that is not there");
        }
        yield Answer.nothing();
      }
      case Creation.KeyReused _ -> throw new AssertionError("its body is the same");
    };
  }

  private Answer move(Job job) {
    Instant now = CLOCK.instant();
    JobEvent event =
        switch (job.state()) {
          case JobState.Queued _ ->
              free()
                  .<JobEvent>map(gpu -> new JobEvent.Leased(List.of(gpu)))
                  .orElseGet(() -> new JobEvent.Removed(now, "ann"));
          case JobState.Stopping stopping -> end(job, stopping);
          case JobState.Placed _ when job.deletion().isPresent() ->
              new JobEvent.RunEnded(new Ending.DeletedBy("ann"), now);
          case JobState.Placed _ when random.nextInt(5) == 0 ->
              new JobEvent.RunEnded(new Ending.Broken("exit code 1", true), now);
          case JobState.Placed _ when random.nextInt(3) == 0 ->
              new JobEvent.RunEnded(new Ending.TimeUp(), now);
          case JobState.Preparing _ -> new JobEvent.Prepared(now);
          case JobState.Pulling _ ->
              new JobEvent.Pulled("boot", Optional.empty(), Optional.empty());
          case JobState.Starting _ ->
              new JobEvent.Started(now, Optional.empty(), "boot", "c1", "c1@1");
          case JobState.Running _ -> new JobEvent.RunEnded(new Ending.Completed(), now);
          case JobState.Uploading uploading -> upload(job, uploading);
          case JobState.Final _ -> throw new AssertionError("it is live");
        };
    return Answer.of(ledger.apply(job, event));
  }

  private JobEvent end(Job job, JobState.Stopping stopping) {
    Instant now = CLOCK.instant();
    if (stopping.goneAt().isEmpty()) {
      return stopping.killAt().isEmpty() && random.nextInt(3) == 0
          ? new JobEvent.StopSignalled(now, "SIGTERM sent")
          : new JobEvent.ContainerGone(now);
    }
    boolean retry = stopping.attempt() <= job.request().retries();
    return new JobEvent.GpusReleased(
        now, now.plusSeconds(60), retry, List.of(), List.of(), List.of());
  }

  private JobEvent upload(Job job, JobState.Uploading uploading) {
    Instant now = CLOCK.instant();
    if (job.deletion().isPresent()) {
      return new JobEvent.Removed(now, "ann");
    }
    if (uploading.unsyncedUnder().isPresent()) {
      return new JobEvent.Synced();
    }
    return switch (random.nextInt(4)) {
      case 0 -> new JobEvent.UploadPostponed("store is down", now);
      case 1, 2 -> new JobEvent.UploadGivenUp(now, "store is down");
      default ->
          new JobEvent.Uploaded(
              now, Optional.of("ds_model.bin"), new ArtifactPlace.Local(), List.of());
    };
  }

  private Optional<GpuUuid> free() {
    for (int i = 0; i < GPUS; i++) {
      GpuUuid gpu = new GpuUuid("GPU-" + part + "-" + i);
      if (!ledger.leases().containsKey(gpu)) {
        return Optional.of(gpu);
      }
    }
    return Optional.empty();
  }

  private Optional<Answer> tryCallback() {
    return DueCallbacks.of(ledger, LATER).stream()
        .filter(callback -> ledger.find(callback.job()).filter(this::isOwn).isPresent())
        .findFirst()
        .map(this::tried);
  }

  private Answer tried(PendingCallback callback) {
    switch (random.nextInt(3)) {
      case 0 -> ledger.callbackPostponed(callback, CLOCK.instant().plusSeconds(5), "HTTP 500");
      case 1 -> ledger.callbackDelivered(callback, "HTTP 200");
      default -> ledger.callbackAbandoned(callback, "given up");
    }
    return new Answer(
        Optional.empty(),
        Optional.empty(),
        callbacksOf(ledger).stream()
            .filter(one -> one.delivery().equals(callback.deliveryId()))
            .findFirst(),
        0);
  }

  /** Ended jobs of its own whose files are there. */
  private List<Job> ended() {
    return ledger.sweepable(LATER, Optional.empty(), PAGE_SIZE).stream()
        .filter(this::isOwn)
        .toList();
  }

  private Optional<Answer> sweep() {
    return ended().stream()
        .filter(job -> job.files() == JobFiles.SWEEPING || !isResumable(job) || rarely())
        .findFirst()
        .map(
            job -> {
              if (job.files() == JobFiles.SWEEPING) {
                ledger.swept(job.id()); // from then on others may remove it
                return Answer.of(job.withFiles(JobFiles.SWEPT));
              }
              ledger.giveFilesUp(job.id());
              return Answer.of(job.withFiles(JobFiles.SWEEPING));
            });
  }

  private Optional<Answer> resumeUpload() {
    Instant now = CLOCK.instant();
    return ended().stream()
        .filter(LedgerStory::isResumable)
        .findFirst()
        .map(job -> Answer.of(ledger.apply(job, new JobEvent.UploadResumed(now, now))));
  }

  private static boolean isResumable(Job job) {
    return job.files() == JobFiles.KEPT
        && job.state() instanceof JobState.Failed failed
        && failed.uploadable();
  }

  private boolean rarely() {
    return random.nextInt(4) == 0;
  }

  private Answer remove() {
    int removed = ledger.forget(LATER, NO_LIMIT, 1);
    return new Answer(Optional.empty(), Optional.empty(), Optional.empty(), removed);
  }
}
