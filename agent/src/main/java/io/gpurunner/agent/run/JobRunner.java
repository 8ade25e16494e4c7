package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.JobId;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps every placed or uploading job going, on one virtual thread a job. The thread ends when the
 * job ends or goes back to the queue. Holds nothing about a job that the ledger does not hold.
 * Thread-safe.
 */
public final class JobRunner implements AutoCloseable {
  /** The longest wait without a look at the job, because a wake-up can be lost. */
  private static final Duration WAIT_LIMIT = Duration.ofSeconds(30);

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(JobRunner.class);

  private final JobLedger ledger;
  private final JobSteps steps;
  private final Stepping stepping;
  private final Clock clock;
  private final Map<JobId, Loop> loops = new ConcurrentHashMap<>();
  private volatile boolean closing;

  public JobRunner(JobLedger ledger, JobSteps steps, Clock clock) {
    this.ledger = ledger;
    this.steps = steps;
    this.stepping =
        new Stepping(ledger, job -> whileOpen(steps.step(job)), steps::enforceUnrecorded, clock);
    this.clock = clock;
  }

  /**
   * Ignores the outcome of a step that ends while the agent closes. A closed client of the store
   * looks like a refused upload. The next start makes the same step again.
   */
  private StepOutcome whileOpen(StepOutcome outcome) {
    return closing ? new StepOutcome.Idle() : outcome;
  }

  /**
   * Starts a loop for every placed job of the ledger, and from now on for each job that is placed.
   */
  public void start() {
    steps.listen(this::wake);
    ledger.listen(this::heardOf);
    ledger.live().forEach(this::heardOf);
  }

  /** Wakes the loop of a job because something may have happened to it. Never blocks. */
  public void wake(JobId id) {
    Loop loop = loops.get(id);
    if (loop != null) {
      loop.wakeup.ring();
    }
  }

  /** Returns what a placed job waits for, as its last step reported. */
  public Optional<String> missing(JobId id) {
    return Optional.ofNullable(loops.get(id)).flatMap(loop -> loop.missing);
  }

  private void heardOf(Job job) {
    if (Stepping.concerns(job)) {
      loops.compute(
          job.id(), (id, running) -> running != null ? running : closing ? null : new Loop(id));
    }
    wake(job.id());
  }

  /**
   * Ends the loops between two steps. Containers run on, and the next start takes them up again.
   */
  @Override
  public void close() {
    closing = true;
    Instant limit = clock.instant().plus(CLOSE_LIMIT);
    for (Loop loop : loops.values()) {
      loop.wakeup.ring();
      loop.join(Duration.between(clock.instant(), limit));
    }
  }

  private final class Loop {
    private final JobId id;
    private final Wakeup wakeup = new Wakeup();
    private final Thread thread;
    private volatile Optional<String> missing = Optional.empty();

    Loop(JobId id) {
      this.id = id;
      this.thread = Thread.ofVirtual().name("job-" + id).unstarted(this::run);
      thread.start();
    }

    void join(Duration limit) {
      try {
        thread.join(limit.isNegative() ? Duration.ofMillis(1) : limit);
      } catch (InterruptedException e) {
        throw new AssertionError("nothing interrupts a thread here", e);
      }
    }

    private void run() {
      try {
        while (!closing && stepOnce()) {}
      } finally {
        // This happens under the map's lock. News either finds this loop or starts another one.
        loops.computeIfPresent(id, (_, _) -> null);
      }
      // The job may have been placed again since the last look. Then the loop goes on.
      ledger.findLive(id).filter(_ -> !closing).ifPresent(JobRunner.this::heardOf);
    }

    /** Makes one step. Returns whether there is a next one. */
    private boolean stepOnce() {
      return switch (next()) {
        case Stepping.Next.Now _ -> true;
        case Stepping.Next.Later later -> {
          missing = later.missing();
          await(later.pause());
          missing = Optional.empty();
          yield true;
        }
        case Stepping.Next.Never _ -> false;
      };
    }

    /**
     * Makes the next step. An error does not end the loop, because the loop enforces the stop time.
     */
    private Stepping.Next next() {
      try {
        return stepping.stepOnce(id);
      } catch (Error e) {
        log.error(
            "{} unexpected error, trying again in {} s", id, Stepping.FAULT_PAUSE.toSeconds(), e);
        return new Stepping.Next.Later(Stepping.FAULT_PAUSE, Optional.empty());
      }
    }

    private void await(Duration pause) {
      wakeup.await(pause.compareTo(WAIT_LIMIT) < 0 ? pause : WAIT_LIMIT);
    }
  }
}
