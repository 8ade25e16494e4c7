package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobHistory;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.GpuUse;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.DeviceFitness;
import io.gpurunner.gpu.GpuDevice;
import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.GpuFact;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.gpu.GpuProcess;
import io.gpurunner.gpu.GpuSnapshot;
import io.gpurunner.gpu.GpuUuid;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures each second what jobs do with the GPUs that they hold, and what each GPU's time goes
 * into. What it has measured outlives the process. Thread-safe.
 */
public final class GpuMeter implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  /** After a longer time between two rounds nothing is known of that time. */
  static final Duration LONGEST_STEP = Duration.ofSeconds(10);

  /** The time between two saves. So much is unobserved after a crash. */
  static final Duration SAVE_INTERVAL = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(GpuMeter.class);

  /** What the time of a GPU goes into. At each moment it is one of these. */
  public enum Spent {
    /** A job holds it, and a kernel ran. */
    USED,
    /** A job holds it and has a process on it, and no kernel ran. */
    IDLE,
    /** A job holds it and has no process on it. */
    HELD,
    /** A process of no job is on it. */
    FOREIGN,
    /** Its errors, its settings or its way to containers keep it from jobs. */
    UNFIT,
    /** A job could get it. */
    FREE,
    /** The agent did not run, or could not look at it. */
    UNOBSERVED
  }

  /** Where what was measured outlives the process. */
  public interface Store {
    /** Returns what was saved last. It is empty if nothing was, or it cannot be read. */
    Optional<Measured> load();

    /**
     * Saves what was measured.
     *
     * @throws UncheckedIOException if it cannot be saved
     */
    void save(Measured measured);
  }

  /**
   * What was measured.
   *
   * @param at until when
   * @param spent for each GPU since when, and the milliseconds of each kind
   * @param runs what runs that have not ended did so far
   */
  public record Measured(Instant at, Map<GpuUuid, Times> spent, List<RunMeter.Saved> runs) {
    public Measured {
      spent = Map.copyOf(spent);
      runs = List.copyOf(runs);
    }
  }

  /**
   * What a GPU's time went into.
   *
   * @param since when the measuring began
   * @param millis the milliseconds of each kind; their sum is the time since then
   */
  public record Times(Instant since, Map<Spent, Long> millis) {
    public Times {
      millis = Map.copyOf(millis);
    }

    Times plus(Spent kind, Duration time) {
      Map<Spent, Long> next = new EnumMap<>(Spent.class);
      next.putAll(millis);
      next.merge(kind, time.toMillis(), Long::sum);
      return new Times(since, next);
    }
  }

  /** A GPU that a run holds. */
  record Held(JobId job, int run, GpuUuid gpu) {}

  private final JobLedger ledger;
  private final GpuInventory gpus;
  private final StartGate gate;
  private final Store store;
  private final Clock clock;
  private final Rounds rounds = new Rounds("gpu-meter", this::round);
  private final Map<GpuUuid, Times> spent = new TreeMap<>(); // guarded by this
  private final Map<Held, RunMeter> runs = new HashMap<>(); // guarded by this
  private Instant last; // guarded by this
  private Instant saved; // guarded by this

  public GpuMeter(JobLedger ledger, GpuInventory gpus, StartGate gate, Store store, Clock clock) {
    this.ledger = ledger;
    this.gpus = gpus;
    this.gate = gate;
    this.store = store;
    this.clock = clock;
    this.last = clock.instant();
    this.saved = last;
    store
        .load()
        .ifPresent(
            before -> {
              last = before.at().isBefore(last) ? before.at() : last;
              spent.putAll(before.spent());
              before
                  .runs()
                  .forEach(
                      run -> runs.put(new Held(run.job(), run.run(), run.gpu()), RunMeter.of(run)));
            });
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.start();
  }

  /** Makes one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    GpuSnapshot look = gpus.snapshot();
    Map<GpuUuid, JobId> leases = ledger.leases();
    Optional<Measured> due = measure(look, leases);
    due.ifPresent(this::save);
    return INTERVAL;
  }

  private synchronized Optional<Measured> measure(GpuSnapshot look, Map<GpuUuid, JobId> leases) {
    Instant now = clock.instant();
    Duration step = Duration.between(last, now);
    if (step.isNegative()) {
      step = Duration.ZERO;
    }
    boolean isObserved = look.fault().isEmpty() && step.compareTo(LONGEST_STEP) <= 0;
    Map<Held, RunMeter> going = new HashMap<>();
    Set<GpuUuid> notListed = new HashSet<>(spent.keySet());
    for (GpuDevice device : look.devices()) {
      Optional<Job> holder = Optional.ofNullable(leases.get(device.uuid())).flatMap(ledger::find);
      spend(device.uuid(), isObserved ? kindOf(device, holder) : Spent.UNOBSERVED, step);
      notListed.remove(device.uuid());
      if (holder.isPresent() && holder.get().state() instanceof JobState.Placed placed) {
        Held held = new Held(holder.get().id(), placed.attempt(), device.uuid());
        RunMeter meter =
            Optional.ofNullable(runs.get(held)).orElseGet(() -> new RunMeter(leasedAt(held, now)));
        if (isObserved && device.presence() == Presence.READABLE) {
          meter.add(device, now, step);
        }
        going.put(held, meter);
      }
    }
    for (GpuUuid gpu : notListed) {
      spend(gpu, Spent.UNOBSERVED, step);
    }
    // While the GPUs cannot be listed, a run keeps what was measured.
    runs.forEach(
        (held, meter) -> {
          if (held.job().equals(leases.get(held.gpu()))) {
            going.putIfAbsent(held, meter);
          }
        });
    runs.clear();
    runs.putAll(going);
    last = now;
    if (Duration.between(saved, now).compareTo(SAVE_INTERVAL) < 0) {
      return Optional.empty();
    }
    saved = now;
    return Optional.of(measured());
  }

  private void spend(GpuUuid gpu, Spent kind, Duration time) {
    spent.put(
        gpu,
        Optional.ofNullable(spent.get(gpu))
            .orElseGet(() -> new Times(last, Map.of()))
            .plus(kind, time));
  }

  /** Returns when a run got its GPUs, as its history says. */
  private Instant leasedAt(Held held, Instant otherwise) {
    return ledger.history(held.job()).stream()
        .filter(line -> line.kind().equals(JobHistory.LEASED))
        .map(JobHistory.Line::at)
        .reduce((_, later) -> later)
        .orElse(otherwise);
  }

  private Measured measured() {
    return new Measured(
        last,
        spent,
        runs.entrySet().stream().map(run -> run.getValue().saved(run.getKey())).toList());
  }

  private Spent kindOf(GpuDevice device, Optional<Job> holder) {
    if (device.presence() == Presence.LOST) {
      return Spent.UNFIT;
    }
    if (holder.isPresent()) {
      if (device.presence() == Presence.UNREADABLE) {
        return Spent.UNOBSERVED;
      }
      if (device.processes().stream().allMatch(GpuProcess::ignored)) {
        return Spent.HELD;
      }
      // A driver that does not tell the utilisation shows only that there is a process.
      return device.details().get(GpuFact.UTILIZATION_PERCENT).orElse(1) > 0
          ? Spent.USED
          : Spent.IDLE;
    }
    if (gate.whyNotHandedOut(device).or(gate::whyClosed).isPresent()) {
      return Spent.UNFIT;
    }
    return DeviceFitness.whyOccupied(device).isPresent() ? Spent.FOREIGN : Spent.FREE;
  }

  private void save(Measured measured) {
    try {
      store.save(measured);
    } catch (UncheckedIOException e) {
      log.error("what was measured of the GPUs could not be saved; it is tried again", e);
    }
  }

  /** Returns what a run has done so far with the GPUs that it holds. */
  synchronized List<GpuUse> useOf(JobId job, int run) {
    Instant now = clock.instant();
    return runs.entrySet().stream()
        .filter(held -> held.getKey().job().equals(job) && held.getKey().run() == run)
        .sorted(Comparator.comparing(held -> held.getKey().gpu()))
        .map(held -> held.getValue().use(held.getKey(), now))
        .toList();
  }

  /** Returns what each GPU's time went into. */
  synchronized Map<GpuUuid, Times> spent() {
    return Map.copyOf(spent);
  }

  @Override
  public void close() {
    rounds.close();
    Measured end;
    synchronized (this) {
      end = measured();
    }
    save(end);
  }
}
