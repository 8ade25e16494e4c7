package io.gpurunner.gpu;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The GPUs that NVML sees. One daemon thread, {@code nvml}, opens the library, lets each device be
 * read ({@link DeviceReaders}), and publishes immutable snapshots; callers read the newest and
 * never wait for the driver. If NVML cannot be opened, the snapshots carry the fault, and the
 * thread tries again with growing pauses. Thread-safe.
 */
final class NvmlGpuInventory implements GpuInventory {
  /** The time that {@link #close} waits for a native call, if none is known to hang. */
  static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

  /** The time that a look waits for one device. */
  static final Duration DEVICE_LIMIT = Duration.ofSeconds(3);

  /**
   * The time that a look may be late. After it, the newest snapshot no longer counts. It is longer
   * than {@link #DEVICE_LIMIT}, so that one device that hangs does not take the others along.
   */
  static final Duration STALL_LIMIT = Duration.ofSeconds(6);

  /** The largest number of the driver's errors that one look takes. The next look goes on. */
  private static final int MOST_ERRORS_A_LOOK = 256;

  private static final Logger log = LoggerFactory.getLogger(NvmlGpuInventory.class);

  /**
   * What an administrator has for other work. The agent keeps no handle of it, so that it can be
   * reset.
   */
  private record Release(boolean all, Set<GpuUuid> devices) {
    static final Release NOTHING = new Release(false, Set.of());

    Release {
      devices = Set.copyOf(devices);
    }
  }

  private final String libraryName;
  private final LookPace pace;
  private final HealthBook health;
  private final Clock clock;
  private final CompletableFuture<Optional<GpuException>> firstLook = new CompletableFuture<>();
  private final CompletableFuture<Boolean> ended = new CompletableFuture<>();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean lookRequested; // under lock
  private boolean closing; // under lock
  private Release wish = Release.NOTHING; // under lock
  private boolean isWishNew; // under lock

  private volatile GpuSnapshot latest;
  private volatile String description;
  private volatile Duration lookTook = Duration.ZERO;

  /** What the driver is really let go of. */
  private volatile Release inForce = Release.NOTHING;

  // Touched by the nvml thread alone.
  private final NvmlDevices devices;
  private final DeviceReaders readers;
  private @Nullable NvmlLibrary nvml;
  private Optional<NvmlLibrary.Events> events = Optional.empty();
  private boolean isToBeReopened;
  private long openedNanos;
  private int failures;
  private Map<GpuUuid, String> reportedFaults = Map.of();

  private NvmlGpuInventory(
      GpuSettings settings, LookPace pace, PciBus bus, HealthBook health, Clock clock) {
    this.libraryName = settings.nvmlLibrary();
    this.pace = pace;
    this.health = health;
    this.clock = clock;
    this.devices = new NvmlDevices(bus);
    this.readers =
        new DeviceReaders(
            DEVICE_LIMIT, new IdleUse(settings.idleMemoryBytes(), settings.ignoredProcesses()));
    this.latest =
        new GpuSnapshot(
            clock.instant(),
            List.of(),
            Optional.of("NVML (" + libraryName + ") is being opened; the GPUs are not read yet"));
    this.description = "NVML (" + libraryName + "), not available yet";
  }

  /** Starts the looks. Returns at once. */
  static NvmlGpuInventory start(
      GpuSettings settings, LookPace pace, PciBus bus, HealthBook health, Clock clock) {
    NvmlGpuInventory inventory = new NvmlGpuInventory(settings, pace, bus, health, clock);
    Thread.ofPlatform().daemon().name("nvml").start(inventory::run);
    return inventory;
  }

  /**
   * Waits for the first look to end.
   *
   * @return why it failed; empty if it succeeded or has not ended
   */
  Optional<GpuException> awaitFirstLook(Duration limit) {
    return firstLook
        .copy()
        .completeOnTimeout(Optional.empty(), limit.toMillis(), TimeUnit.MILLISECONDS)
        .join();
  }

  /** Calls back once the first look has failed, on its thread. */
  void onFirstFailure(Consumer<GpuException> report) {
    var _ = firstLook.thenAccept(failure -> failure.ifPresent(report));
  }

  @Override
  public GpuSnapshot snapshot() {
    GpuSnapshot newest = latest;
    Duration age = Duration.between(newest.at(), clock.instant());
    if (newest.fault().isEmpty() && age.compareTo(pace.interval().plus(STALL_LIMIT)) > 0) {
      return new GpuSnapshot(
          newest.at(),
          current(newest.devices()),
          Optional.of(
              "no look at the GPUs has ended since %s: the NVIDIA driver hangs, or the agent was"
                      .formatted(newest.at())
                  + " closed; see dmesg"));
    }
    return new GpuSnapshot(newest.at(), current(newest.devices()), newest.fault());
  }

  /** Returns the devices with their health of now, which an administrator may have changed. */
  private List<GpuDevice> current(List<GpuDevice> seen) {
    return seen.stream().map(health::current).toList();
  }

  @Override
  public Duration lookTook() {
    return lookTook;
  }

  @Override
  public void releaseDriver(Optional<GpuUuid> device) {
    changeWish(
        () -> {
          Set<GpuUuid> devices = new HashSet<>(wish.devices());
          device.ifPresent(devices::add);
          return new Release(wish.all() || device.isEmpty(), devices);
        });
  }

  @Override
  public void takeDriver() {
    changeWish(
        () -> {
          Stream.concat(
                  wish.devices().stream(),
                  wish.all() ? latest.devices().stream().map(GpuDevice::uuid) : Stream.empty())
              .forEach(health::wasGivenBack);
          return Release.NOTHING;
        });
  }

  private void changeWish(Supplier<Release> next) {
    lock.lock();
    try {
      Release before = wish;
      wish = next.get();
      isWishNew = !wish.equals(before);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean isReleased(Optional<GpuUuid> device) {
    Release now = inForce;
    return now.all() || device.filter(now.devices()::contains).isPresent();
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
      if (readers.busy().isEmpty()) {
        closeLibrary();
      }
      readers.close();
      firstLook.complete(Optional.empty());
      ended.complete(true);
    }
  }

  /** Looks once and publishes the result. Returns the time until the next look. */
  private Duration look() {
    long beganNanos = System.nanoTime();
    Look begun = beginLook();
    try {
      letGo(begun.release());
      if (begun.release().all()) {
        publish(
            new GpuSnapshot(
                begun.at(),
                latest.devices(),
                Optional.of(
                    "an administrator has the NVIDIA driver for other work; end that with: gpurunner"
                        + " gpus take")));
        return pace.interval();
      }
      NvmlLibrary library = opened();
      List<DeviceReading> readings =
          readers.read(
              library, events, library.deviceCount(), ordinals(begun.release()), begun.at());
      readErrors(begun.at());
      List<GpuDevice> seen = health.judge(devices.look(readings, begun.at()), begun.at());
      failures = 0;
      publish(new GpuSnapshot(begun.at(), seen, Optional.empty()));
      report(seen);
      lookTook = Duration.ofNanos(System.nanoTime() - beganNanos);
      firstLook.complete(Optional.empty());
      isToBeReopened |= needsNewSession(library, seen);
      return pace.interval();
    } catch (GpuException e) {
      return failed(begun.at(), e);
    } catch (RuntimeException | LinkageError e) {
      return failed(
          begun.at(), new GpuException(GpuException.Kind.FAILED, "the look failed: " + e, e));
    }
  }

  /**
   * @param at when it began
   * @param release what the driver is to be let go of
   */
  private record Look(Instant at, Release release) {}

  /** Begins a look. A request that comes later is for another look. */
  private Look beginLook() {
    lock.lock();
    try {
      lookRequested = false;
      isWishNew = false;
      return new Look(clock.instant(), wish);
    } finally {
      lock.unlock();
    }
  }

  private boolean needsNewSession(NvmlLibrary library, List<GpuDevice> seen) {
    boolean isLost = seen.stream().anyMatch(device -> device.presence() == GpuDevice.Presence.LOST);
    return library.wasReplaced()
        || devices.needNewSession()
        || (isLost && System.nanoTime() - openedNanos > pace.reopenLost().toNanos());
  }

  /** Lets go of what an administrator asked for. Handles end with their session. */
  private void letGo(Release release) {
    if (!release.equals(inForce)) {
      isToBeReopened = true;
      closeIfWanted();
      inForce = release;
    }
  }

  private Set<Integer> ordinals(Release release) {
    return release.devices().stream()
        .flatMap(uuid -> devices.ordinalOf(uuid).stream())
        .collect(Collectors.toSet());
  }

  /** Reads the errors that the driver reported since the last look. */
  private void readErrors(Instant at) {
    if (events.isEmpty()) {
      return;
    }
    for (int read = 0; read < MOST_ERRORS_A_LOOK; read++) {
      Optional<NvmlLibrary.DeviceXid> error = events.get().next(readers.devices());
      if (error.isEmpty()) {
        return;
      }
      if (error.get().ordinal().isPresent() && error.get().number().isPresent()) {
        devices.reported(error.get().ordinal().get(), error.get().number().getAsLong(), at);
      }
    }
  }

  private NvmlLibrary opened() {
    closeIfWanted();
    NvmlLibrary open = nvml;
    if (open == null) {
      open = NvmlLibrary.open(libraryName);
      nvml = open;
      openedNanos = System.nanoTime();
      events = open.openEvents();
      description =
          "NVML "
              + open.nvmlVersion()
              + ", driver "
              + open.driverVersion()
              + open.cudaVersion().map(version -> ", CUDA " + version).orElse("");
    }
    return open;
  }

  /**
   * Closes a session that is no longer wanted.
   *
   * @throws GpuException if a call of it hangs. To close it would unload the code that runs.
   */
  private void closeIfWanted() {
    if (!isToBeReopened) {
      return;
    }
    readers
        .busy()
        .ifPresent(
            ordinal -> {
              throw new GpuException(
                  GpuException.Kind.FAILED,
                  "NVML must be opened anew, and a call for GPU "
                      + ordinal
                      + " does not return: the driver hangs; see dmesg, and boot the machine");
            });
    closeLibrary();
  }

  private Duration failed(Instant at, GpuException reason) {
    isToBeReopened = true;
    if (readers.busy().isEmpty()) {
      closeLibrary();
    }
    if (reason.kind() == GpuException.Kind.DRIVER_NOT_LOADED) {
      health.driverWasAway();
    }
    devices.lookFailed();
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
        log.warn("{} is not handed out: {}", DeviceFitness.name(device), device.fault().get());
      } else if (device.fault().isEmpty() && before.isPresent()) {
        log.info("{} has no fault any more", DeviceFitness.name(device));
      }
    }
    reportedFaults = faults;
  }

  private void closeLibrary() {
    NvmlLibrary open = nvml;
    nvml = null;
    isToBeReopened = false;
    if (open != null) {
      try {
        events.ifPresent(NvmlLibrary.Events::close);
        events = Optional.empty();
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
        awaitUnless(pause, () -> closing || isWishNew);
      } else {
        awaitUnless(pace.shortest(), () -> closing);
        awaitUnless(pause.minus(pace.shortest()), () -> closing || lookRequested || isWishNew);
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
