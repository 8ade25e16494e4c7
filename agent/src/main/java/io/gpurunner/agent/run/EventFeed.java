package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.Events;
import io.gpurunner.api.GpuReport;
import io.gpurunner.api.JobId;
import io.gpurunner.api.MachineEvent;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Reports what changes: jobs, as they are committed, and GPUs, which it looks at every second while
 * somebody listens. Thread-safe.
 */
public final class EventFeed implements Events, AutoCloseable {
  /** How often GPUs are looked at. The inventory itself looks no more often. */
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(1);

  /** The number of jobs whose last report is known. Others may be reported twice. */
  static final int REPORTED_LIMIT = 20_000;

  /** The longest time between the end of a job and its commit. */
  private static final Duration COMMIT_LIMIT = Duration.ofMinutes(2);

  /** How long the thread rests while nobody listens. A listener wakes it. */
  private static final Duration REST = Duration.ofHours(1);

  private final Supplier<GpuReport> gpus;
  private final Clock clock;
  private final UnaryOperator<Instant> shown;
  private final List<Consumer<MachineEvent>> listeners = new CopyOnWriteArrayList<>();

  /** When the first of the listeners came. */
  private volatile Instant since = Instant.MAX;

  private final Rounds rounds = new Rounds("gpu-events", this::look);

  /** What was last reported of each job. Used by the ledger's thread alone. */
  private final Map<JobId, Reported> reportedJobs =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<JobId, Reported> eldest) {
          return size() > REPORTED_LIMIT;
        }
      };

  /** What each GPU was at the last look; empty if nobody listened. Used by one thread alone. */
  private Optional<Map<String, GpuReport.Gpu>> lastLook = Optional.empty();

  private record Reported(String state, Optional<String> reason) {}

  /**
   * @param gpus returns every GPU with its state, and does not block
   * @param shown converts a time of the steady clock to the time that users see
   */
  public EventFeed(
      JobLedger ledger, Supplier<GpuReport> gpus, Clock clock, UnaryOperator<Instant> shown) {
    this.gpus = gpus;
    this.clock = clock;
    this.shown = shown;
    ledger.listen(this::changed);
  }

  /** Starts the thread that looks at the GPUs. */
  public void start() {
    rounds.start();
  }

  @Override
  public Runnable listen(Consumer<MachineEvent> listener) {
    if (listeners.isEmpty()) {
      since = clock.instant();
    }
    listeners.add(listener);
    rounds.ring();
    return () -> listeners.remove(listener);
  }

  /** A commit changed the job, perhaps nothing that users see. Runs on the ledger's thread. */
  private void changed(Job job) {
    if (listeners.isEmpty()) {
      reportedJobs.clear();
      return;
    }
    Reported now = new Reported(job.state().label(), JobReasons.of(job, shown));
    Optional<Reported> before = Optional.ofNullable(reportedJobs.put(job.id(), now));
    if (before.isPresent() ? !before.get().equals(now) : isNew(job)) {
      report(
          new MachineEvent.JobChanged(job.id(), job.user(), now.state(), now.reason(), moment()));
    }
  }

  /** Jobs that ended before are changed, too: a callback is delivered, or files are removed. */
  private boolean isNew(Job job) {
    return switch (job.state()) {
      case JobState.Final ended -> ended.finishedAt().isAfter(since.minus(COMMIT_LIMIT));
      case JobState.Live _ -> true;
    };
  }

  private Instant moment() {
    return shown.apply(clock.instant());
  }

  private void report(MachineEvent event) {
    listeners.forEach(listener -> listener.accept(event));
  }

  /** Compares the GPUs with what they were at the last look. */
  Duration look() {
    if (listeners.isEmpty()) {
      lastLook = Optional.empty();
      return REST;
    }
    Map<String, GpuReport.Gpu> now = new LinkedHashMap<>();
    gpus.get().gpus().forEach(gpu -> now.put(gpu.uuid(), gpu));
    lastLook.ifPresent(before -> reportDifferences(before, now));
    lastLook = Optional.of(now);
    return LOOK_INTERVAL;
  }

  private void reportDifferences(
      Map<String, GpuReport.Gpu> before, Map<String, GpuReport.Gpu> now) {
    now.forEach(
        (uuid, gpu) -> {
          if (Optional.ofNullable(before.get(uuid)).filter(last -> isAlike(last, gpu)).isEmpty()) {
            report(
                new MachineEvent.GpuChanged(
                    uuid,
                    gpu.index(),
                    Optional.of(gpu.state()),
                    gpu.reason(),
                    gpu.suspicion(),
                    moment()));
          }
        });
    before.forEach(
        (uuid, gpu) -> {
          if (!now.containsKey(uuid)) {
            report(
                new MachineEvent.GpuChanged(
                    uuid,
                    gpu.index(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty(),
                    moment()));
          }
        });
  }

  /** Reasons are not compared: they hold numbers that change all the time. */
  private static boolean isAlike(GpuReport.Gpu one, GpuReport.Gpu other) {
    return one.state() == other.state()
        && one.suspicion().isPresent() == other.suspicion().isPresent()
        && one.index().equals(other.index());
  }

  @Override
  public void close() {
    rounds.close();
  }
}
