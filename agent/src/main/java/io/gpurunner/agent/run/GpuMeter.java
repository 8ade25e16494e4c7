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
import java.time.temporal.ChronoUnit;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
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
  record Held(JobId job, int run, GpuUuid gpu) {
    static Optional<Held> of(Job job, GpuUuid gpu) {
      return job.state() instanceof JobState.Placed placed
          ? Optional.of(new Held(job.id(), placed.attempt(), gpu))
          : Optional.empty();
    }
  }

  private final JobLedger ledger;
  private final GpuInventory gpus;
  private final StartGate gate;
  private final Store store;
  private final Clock clock;
  private final Rounds rounds = new Rounds("gpu-meter", this::round);
  private final List<Consumer<GpuSnapshot>> listeners = new CopyOnWriteArrayList<>();

  /** Held while something is saved. A disk may hang for long. */
  private final ReentrantLock saving = new ReentrantLock();

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
    this.last = now();
    this.saved = last;
    store.load().ifPresent(this::goOnFrom);
  }

  /** After a boot with another time, what was measured must not end in the future. */
  private void goOnFrom(Measured before) {
    Duration ahead = Duration.between(last, before.at());
    Duration shift = ahead.isNegative() ? Duration.ZERO : ahead;
    last = before.at().minus(shift);
    before
        .spent()
        .forEach(
            (gpu, times) -> spent.put(gpu, new Times(times.since().minus(shift), times.millis())));
    before
        .runs()
        .forEach(run -> runs.put(new Held(run.job(), run.run(), run.gpu()), RunMeter.of(run)));
  }

  /** Times have whole milliseconds, so that nothing is lost in sums. */
  private Instant now() {
    return clock.instant().truncatedTo(ChronoUnit.MILLIS);
  }

  /** Calls the listener with the newest look of each round, about once a second. */
  public void listen(Consumer<GpuSnapshot> listener) {
    listeners.add(listener);
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.start();
  }

  /** Makes one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    GpuSnapshot look = gpus.snapshot();
    listeners.forEach(listener -> listener.accept(look));
    Map<GpuUuid, Held> holders = new HashMap<>();
    ledger
        .leases()
        .forEach(
            (gpu, id) ->
                ledger
                    .findLive(id)
                    .flatMap(job -> Held.of(job, gpu))
                    .ifPresent(held -> holders.put(gpu, held)));
    Map<Held, Instant> begun =
        holders.values().stream()
            .filter(this::isNew)
            .collect(Collectors.toMap(held -> held, this::leasedAt));
    Map<GpuUuid, Spent> kinds = new HashMap<>();
    for (GpuDevice device : look.devices()) {
      kinds.put(device.uuid(), kindOf(device, holders.containsKey(device.uuid())));
    }
    measure(look, kinds, holders, begun).ifPresent(this::save);
    return INTERVAL;
  }

  private synchronized boolean isNew(Held held) {
    return !runs.containsKey(held);
  }

  /** Returns when a run got its GPUs, as its history says. */
  private Instant leasedAt(Held held) {
    return ledger.history(held.job()).stream()
        .filter(line -> line.kind().equals(JobHistory.LEASED))
        .map(JobHistory.Line::at)
        .reduce((_, later) -> later)
        .orElseGet(this::now);
  }

  private synchronized Optional<Measured> measure(
      GpuSnapshot look,
      Map<GpuUuid, Spent> kinds,
      Map<GpuUuid, Held> holders,
      Map<Held, Instant> begun) {
    Instant now = now();
    Duration between = Duration.between(last, now);
    Duration step = between.isNegative() ? Duration.ZERO : between;
    boolean isObserved = look.fault().isEmpty() && step.compareTo(LONGEST_STEP) <= 0;
    Set<GpuUuid> all = new HashSet<>(spent.keySet());
    all.addAll(kinds.keySet());
    for (GpuUuid gpu : all) {
      Spent kind = isObserved ? kinds.getOrDefault(gpu, Spent.UNOBSERVED) : Spent.UNOBSERVED;
      spent.put(
          gpu,
          Optional.ofNullable(spent.get(gpu))
              .orElseGet(() -> new Times(last, Map.of()))
              .plus(kind, step));
    }
    runs.keySet().retainAll(Set.copyOf(holders.values()));
    begun.forEach((held, since) -> runs.putIfAbsent(held, new RunMeter(since)));
    if (isObserved) {
      for (GpuDevice device : look.devices()) {
        Held held = holders.get(device.uuid());
        RunMeter meter = held == null ? null : runs.get(held);
        if (meter != null && device.presence() == Presence.READABLE) {
          meter.add(device, look.at(), now, step);
        }
      }
    }
    last = now;
    if (Duration.between(saved, now).compareTo(SAVE_INTERVAL) < 0) {
      return Optional.empty();
    }
    saved = now;
    return Optional.of(measured());
  }

  private Measured measured() {
    return new Measured(
        last,
        spent,
        runs.entrySet().stream().map(run -> run.getValue().saved(run.getKey())).toList());
  }

  private Spent kindOf(GpuDevice device, boolean isHeld) {
    if (device.presence() == Presence.LOST) {
      return Spent.UNFIT;
    }
    if (isHeld) {
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

  /** Saves what was measured, unless a save hangs. */
  private void save(Measured measured) {
    if (!saving.tryLock()) {
      log.warn("what was measured of the GPUs is not saved, because an earlier save hangs");
      return;
    }
    try {
      store.save(measured);
    } catch (UncheckedIOException e) {
      log.error("what was measured of the GPUs could not be saved; it is tried again", e);
    } finally {
      saving.unlock();
    }
  }

  /**
   * Returns what a job's run has done so far with the GPUs that it holds. It is empty if no run
   * holds any.
   */
  List<GpuUse> useOf(Job job) {
    return job.state() instanceof JobState.Placed placed
        ? placed.gpus().stream()
            .sorted()
            .map(gpu -> useOf(new Held(job.id(), placed.attempt(), gpu)))
            .toList()
        : List.of();
  }

  /** A run that was not looked at yet has held its GPU, too. */
  private GpuUse useOf(Held held) {
    return measuredUse(held).orElseGet(() -> new RunMeter(leasedAt(held)).use(held, now()));
  }

  private synchronized Optional<GpuUse> measuredUse(Held held) {
    return Optional.ofNullable(runs.get(held)).map(meter -> meter.use(held, now()));
  }

  /** Returns what each GPU's time went into. */
  public synchronized Map<GpuUuid, Times> spent() {
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
