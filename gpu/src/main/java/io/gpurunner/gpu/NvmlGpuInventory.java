package io.gpurunner.gpu;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The GPUs that NVML sees. One daemon thread, {@code nvml}, makes every native call and publishes
 * immutable snapshots; callers read the newest and never wait for the driver. If NVML cannot be
 * opened, the snapshots carry the fault, and the thread tries again with growing pauses.
 * Thread-safe.
 */
final class NvmlGpuInventory implements GpuInventory {
  /** The time that {@link #close} waits for a native call. */
  static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  /**
   * The time that the start waits for the first look. Without persistence mode the driver must
   * first wake each device, which takes seconds.
   */
  static final Duration FIRST_LOOK_LIMIT = Duration.ofSeconds(30);

  /** The time that a look may be late. After it, the newest snapshot no longer counts. */
  static final Duration STALL_LIMIT = Duration.ofSeconds(30);

  private static final Logger log = LoggerFactory.getLogger(NvmlGpuInventory.class);

  private final String libraryName;
  private final LookPace pace;
  private final Clock clock;
  private final CompletableFuture<Optional<GpuException>> firstLook = new CompletableFuture<>();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean lookRequested; // under lock
  private boolean closing; // under lock

  private volatile GpuSnapshot latest;
  private volatile String description;

  // Touched by the nvml thread alone.
  private final NvmlDevices devices = new NvmlDevices();
  private @Nullable NvmlLibrary nvml;
  private long openedNanos;
  private int failures;
  private Map<GpuUuid, String> reportedFaults = Map.of();

  private NvmlGpuInventory(String libraryName, LookPace pace, Clock clock) {
    this.libraryName = libraryName;
    this.pace = pace;
    this.clock = clock;
    this.latest =
        new GpuSnapshot(
            clock.instant(),
            List.of(),
            Optional.of("NVML (" + libraryName + ") is being opened; the GPUs are not read yet"));
    this.description = "NVML (" + libraryName + "), not available yet";
  }

  /** Starts the looks. Returns at once. */
  static NvmlGpuInventory start(String libraryName, LookPace pace, Clock clock) {
    NvmlGpuInventory inventory = new NvmlGpuInventory(libraryName, pace, clock);
    Thread.ofPlatform().daemon().name("nvml").start(inventory::run);
    return inventory;
  }

  /**
   * Waits for the first look to end, for at most {@link #FIRST_LOOK_LIMIT}.
   *
   * @return why it failed; empty if it succeeded or has not ended
   */
  Optional<GpuException> awaitFirstLook() {
    return firstLook
        .copy()
        .completeOnTimeout(Optional.empty(), FIRST_LOOK_LIMIT.toMillis(), TimeUnit.MILLISECONDS)
        .join();
  }

  @Override
  public GpuSnapshot snapshot() {
    GpuSnapshot newest = latest;
    Duration age = Duration.between(newest.at(), clock.instant());
    if (newest.fault().isEmpty() && age.compareTo(pace.interval().plus(STALL_LIMIT)) > 0) {
      return new GpuSnapshot(
          newest.at(),
          newest.devices(),
          Optional.of(
              "no look at the GPUs has ended since %s: the NVIDIA driver hangs, or the agent was"
                      .formatted(newest.at())
                  + " closed; see dmesg"));
    }
    return newest;
  }

  @Override
  public void requestLook() {
    lock.lock();
    try {
      lookRequested = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closing = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    boolean inTime =
        ended.copy().completeOnTimeout(false, CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS).join();
    if (!inTime) {
      log.warn(
          "NVML did not return within {} s while it was closed; its thread ends with the process",
          CLOSE_LIMIT.toSeconds());
    }
  }

  private void run() {
    try {
      Duration pause;
      do {
        pause = look();
      } while (awaitNextLook(pause));
    } catch (Throwable e) {
      log.error("The nvml thread failed, so the GPUs are no longer observed; restart the agent", e);
      latest =
          new GpuSnapshot(
              latest.at(),
              latest.devices(),
              Optional.of("the nvml thread failed (" + e + "); restart the agent"));
    } finally {
      closeLibrary();
      firstLook.complete(Optional.empty());
      ended.complete(true);
    }
  }

  /** Looks once and publishes the result. Returns the time until the next look. */
  private Duration look() {
    Instant at = beginLook();
    try {
      NvmlLibrary library = opened();
      List<GpuDevice> seen = devices.look(library);
      failures = 0;
      publish(new GpuSnapshot(at, seen, Optional.empty()));
      report(seen);
      firstLook.complete(Optional.empty());
      boolean isLost =
          seen.stream().anyMatch(device -> device.presence() == GpuDevice.Presence.LOST);
      if ((isLost && System.nanoTime() - openedNanos > pace.reopenLost().toNanos())
          || library.wasReplaced()) {
        closeLibrary(); // the next look opens it again
      }
      return pace.interval();
    } catch (GpuException e) {
      return failed(at, e);
    } catch (RuntimeException | LinkageError e) {
      return failed(at, new GpuException(GpuException.Kind.FAILED, "the look failed: " + e, e));
    }
  }

  /** Begins a look. A request that comes later is for another look. */
  private Instant beginLook() {
    lock.lock();
    try {
      lookRequested = false;
      return clock.instant();
    } finally {
      lock.unlock();
    }
  }

  private NvmlLibrary opened() {
    NvmlLibrary open = nvml;
    if (open == null) {
      open = NvmlLibrary.open(libraryName);
      nvml = open;
      openedNanos = System.nanoTime();
      description = "NVML " + open.nvmlVersion() + ", driver " + open.driverVersion();
    }
    return open;
  }

  private Duration failed(Instant at, GpuException reason) {
    closeLibrary();
    failures++;
    Duration wait = pace.backoff(failures);
    String fault = String.valueOf(reason.getMessage());
    // GpuInventories reports the first failure, because only it knows whether it matters.
    if (firstLook.isDone() && !latest.fault().equals(Optional.of(fault))) {
      log.warn(
          "The GPUs could not be read; the next try is in {} s: {}",
          wait.toSeconds(),
          fault,
          reason.getCause());
    }
    publish(new GpuSnapshot(at, latest.devices(), Optional.of(fault)));
    firstLook.complete(Optional.of(reason));
    return wait;
  }

  private void publish(GpuSnapshot snapshot) {
    if (snapshot.fault().isEmpty() && latest.fault().isPresent()) {
      log.info(
          "{}: {} GPUs, {} of them healthy",
          description,
          snapshot.devices().size(),
          snapshot.devices().stream().filter(device -> device.fault().isEmpty()).count());
    }
    latest = snapshot;
  }

  /** Logs each device whose health changed. */
  private void report(List<GpuDevice> seen) {
    Map<GpuUuid, String> faults = new HashMap<>();
    for (GpuDevice device : seen) {
      Optional<String> before = Optional.ofNullable(reportedFaults.get(device.uuid()));
      device.fault().ifPresent(fault -> faults.put(device.uuid(), fault));
      if (device.fault().isPresent() && !device.fault().equals(before)) {
        log.warn(
            "GPU {} ({}) is not handed out: {}",
            device.ordinal(),
            device.uuid(),
            device.fault().get());
      } else if (device.fault().isEmpty() && before.isPresent()) {
        log.info("GPU {} ({}) is healthy again", device.ordinal(), device.uuid());
      }
    }
    reportedFaults = faults;
  }

  private void closeLibrary() {
    NvmlLibrary open = nvml;
    nvml = null;
    if (open != null) {
      try {
        open.close();
      } catch (GpuException e) {
        // A session that is void cannot be shut down. The library was unloaded all the same.
        log.debug("Closing NVML", e);
      }
    }
  }

  /** Waits. Returns whether another look follows. */
  private boolean awaitNextLook(Duration pause) throws InterruptedException {
    lock.lock();
    try {
      if (failures > 0) {
        // A request does not shorten the pause after a failure.
        awaitUnless(pause, () -> closing);
      } else {
        awaitUnless(pace.shortest(), () -> closing);
        awaitUnless(pause.minus(pace.shortest()), () -> closing || lookRequested);
      }
      return !closing;
    } finally {
      lock.unlock();
    }
  }

  private void awaitUnless(Duration limit, BooleanSupplier over) throws InterruptedException {
    long leftNanos = limit.toNanos();
    while (leftNanos > 0 && !over.getAsBoolean()) {
      leftNanos = changed.awaitNanos(leftNanos);
    }
  }
}
