package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Ending;
import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobEvent;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.job.Requests;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
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

/**
 * Writes a ledger as an agent does, one commit after another, and keeps what it must hold after
 * each. One thread.
 */
final class LedgerStory {
  static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-01T00:00:00Z"), ZoneOffset.UTC);

  private static final int GPUS = 3;

  /** Most jobs that have not ended. */
  private static final int LIVE = 10;

  private final JobLedger ledger;
  private final Random random;
  private final Map<JobId, Job> jobs;
  private final int part;
  private final int parts;

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
    ledger.page(Optional.empty(), 1, 10_000).forEach(job -> jobs.put(job.id(), job));
    return jobs;
  }

  /** One more commit; what it made of a job. */
  Job next() {
    List<Job> live =
        ledger.live().stream()
            .filter(job -> job.sequence() % parts == part)
            .sorted(Comparator.comparingLong(Job::sequence))
            .toList();
    boolean create = live.size() < LIVE && (live.size() < 2 || random.nextInt(4) == 0);
    Job job = create ? create() : move(live.get(random.nextInt(live.size())));
    jobs.put(job.id(), job);
    return job;
  }

  private Job create() {
    Requests request = Requests.simple();
    if (random.nextBoolean()) {
      request.callback(URI.create("http://127.0.0.1/cb"));
    }
    String padding = "x".repeat(random.nextInt(6000));
    Creation creation =
        ledger.create(
            "ann", request.build(), "{\"padding\":\"" + padding + "\"}", Optional.empty());
    return switch (creation) {
      case Creation.Created created -> ledger.find(created.id()).orElseThrow();
      case Creation.Existing _, Creation.KeyReused _ -> throw new AssertionError("no key was sent");
    };
  }

  private Job move(Job job) {
    Instant now = CLOCK.instant();
    JobEvent event =
        switch (job.state()) {
          case JobState.Queued _ ->
              free()
                  .<JobEvent>map(gpu -> new JobEvent.Leased(List.of(gpu)))
                  .orElseGet(() -> new JobEvent.Removed(now, "ann"));
          case JobState.Preparing _ -> new JobEvent.Prepared(now);
          case JobState.Pulling _ -> new JobEvent.Pulled("boot");
          case JobState.Starting _ ->
              new JobEvent.Started(now, Optional.empty(), "boot", "c1", "c1@1");
          case JobState.Running _ -> new JobEvent.RunEnded(new Ending.Completed(), now);
          case JobState.Stopping stopping ->
              stopping.goneAt().isEmpty()
                  ? new JobEvent.ContainerGone(now)
                  : new JobEvent.GpusReleased(now, now.plusSeconds(60), false, List.of());
          case JobState.Uploading uploading ->
              uploading.unsyncedUnder().isPresent()
                  ? new JobEvent.Synced()
                  : new JobEvent.Uploaded(now, Optional.of("ds_model.bin"));
          case JobState.Final _ -> throw new AssertionError("it is live");
        };
    return ledger.apply(job, event);
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
}
