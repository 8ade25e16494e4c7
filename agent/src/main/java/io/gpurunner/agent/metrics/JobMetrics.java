package io.gpurunner.agent.metrics;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.JobId;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Histogram;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Counts jobs by state, and measures how long the parts of their runs take. It follows the commits
 * of the ledger, so that a scrape looks at no job. Of a job that was on its way when the agent
 * started, only the parts are measured whose beginning the record tells. Thread-safe.
 */
final class JobMetrics {
  private final Clock clock;
  private final Counter submitted;
  private final Counter finished;
  private final Histogram queued;
  private final Histogram start;
  private final Histogram pull;
  private final Histogram run;
  private final Histogram upload;

  /** How many live jobs are in each state. */
  private final Map<String, AtomicLong> states = new TreeMap<>();

  private final Map<JobId, Seen> live = new HashMap<>(); // guarded by this

  /**
   * A live job.
   *
   * @param since when it came to this state; empty if that was before the agent's start
   * @param leasedAt when its run got its GPUs; empty if it has none, or got them before that
   */
  private record Seen(JobState.Live state, Optional<Instant> since, Optional<Instant> leasedAt) {}

  JobMetrics(Instruments instruments, Clock clock) {
    this.clock = clock;
    this.submitted = instruments.counter(Family.JOBS_SUBMITTED);
    this.finished = instruments.counter(Family.JOBS_FINISHED);
    this.queued = instruments.histogram(Family.JOB_QUEUED, 1, 10, 60, 600, 3600, 21_600, 86_400);
    this.start = instruments.histogram(Family.JOB_START, 1, 3, 10, 30, 60, 300, 1800);
    this.pull = instruments.histogram(Family.JOB_PULL, 1, 5, 30, 120, 600, 1800);
    this.run = instruments.histogram(Family.JOB_RUN, 10, 60, 600, 3600, 21_600, 86_400, 259_200);
    this.upload = instruments.histogram(Family.JOB_UPLOAD, 1, 10, 60, 600, 3600, 21_600);
    states(JobState.Live.class).forEach(state -> states.put(state, new AtomicLong()));
    states(JobState.Final.class).forEach(finished::initLabelValues);
  }

  private static Stream<String> states(Class<?> state) {
    return state.isSealed()
        ? Arrays.stream(state.getPermittedSubclasses()).flatMap(JobMetrics::states)
        : Stream.of(state.getSimpleName().toLowerCase(Locale.ROOT));
  }

  private static String label(JobState state) {
    return state.label().toLowerCase(Locale.ROOT);
  }

  /** Begins to follow a ledger. Called before anything is committed to it. */
  void follow(JobLedger ledger) {
    ledger.listen(this::changed);
    synchronized (this) {
      for (Job job : ledger.live()) {
        if (job.state() instanceof JobState.Live state) {
          enter(job, new Seen(state, queuedSince(job), Optional.empty()));
        }
      }
    }
  }

  /** Returns since when a job of an earlier agent waits, if this is its first time in the queue. */
  private static Optional<Instant> queuedSince(Job job) {
    return job.state() instanceof JobState.Queued first
            && first.attempt() == 1
            && job.setback().isEmpty()
        ? Optional.of(job.createdAt())
        : Optional.empty();
  }

  private synchronized void changed(Job job) {
    Optional<Seen> before = Optional.ofNullable(live.get(job.id()));
    switch (job.state()) {
      case JobState.Live state -> {
        // A job that ended can only come back to be uploaded.
        if (before.isEmpty() && !(state instanceof JobState.Uploading)) {
          submitted.inc();
        }
        if (!before.map(seen -> label(seen.state())).equals(Optional.of(label(state)))) {
          Instant now = clock.instant();
          before.ifPresent(seen -> measure(seen, state, now));
          enter(job, new Seen(state, Optional.of(now), leasedAt(before, state, now)));
        }
      }
      case JobState.Final end ->
          before.ifPresent(
              seen -> {
                measure(seen, end, clock.instant());
                finished.labelValues(label(end)).inc();
                leave(job.id());
              });
    }
  }

  private static Optional<Instant> leasedAt(
      Optional<Seen> before, JobState.Live state, Instant now) {
    if (!(state instanceof JobState.Placed)) {
      return Optional.empty();
    }
    return before
        .filter(seen -> !(seen.state() instanceof JobState.Queued))
        .map(Seen::leasedAt)
        .orElse(Optional.of(now));
  }

  private void enter(Job job, Seen seen) {
    leave(job.id());
    live.put(job.id(), seen);
    count(seen.state()).incrementAndGet();
  }

  private void leave(JobId id) {
    Optional.ofNullable(live.remove(id)).ifPresent(seen -> count(seen.state()).decrementAndGet());
  }

  private AtomicLong count(JobState state) {
    return Optional.ofNullable(states.get(label(state))).orElseThrow();
  }

  private void measure(Seen before, JobState next, Instant now) {
    switch (before.state()) {
      case JobState.Queued _ when next instanceof JobState.Placed ->
          observe(queued, before.since(), now);
      case JobState.Pulling _ when next instanceof JobState.Starting ->
          observe(pull, before.since(), now);
      case JobState.Starting _ when next instanceof JobState.Running running ->
          observe(start, before.leasedAt(), running.startedAt());
      case JobState.Running running ->
          observe(run, Optional.of(running.startedAt()), endOf(next).orElse(now));
      case JobState.Uploading _ when next instanceof JobState.Succeeded ->
          observe(upload, before.since(), now);
      case JobState.Live _ -> {}
    }
  }

  private static Optional<Instant> endOf(JobState next) {
    return next instanceof JobState.Stopping stopping
        ? Optional.of(stopping.since())
        : Optional.empty();
  }

  private static void observe(Histogram histogram, Optional<Instant> from, Instant to) {
    from.ifPresent(began -> histogram.observe(Seconds.of(Duration.between(began, to))));
  }

  void addTo(Samples samples) {
    states.forEach((state, jobs) -> samples.add(Family.JOBS, (double) jobs.get(), state));
  }
}
