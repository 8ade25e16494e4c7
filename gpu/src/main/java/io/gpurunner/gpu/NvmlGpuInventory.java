package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuDevice.Presence;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
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

  /** Is there as long as the kernel's driver is loaded. */
  private static final Path LOADED_DRIVER = Path.of("/proc/driver/nvidia/version");

  private static final String ALL_RELEASED =
      "an administrator has the NVIDIA driver for other work; end that with: gpurunner gpus take";

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
  private volatile Release wish = Release.NOTHING; // written under lock
  private boolean isWishNew; // under lock

  private volatile GpuSnapshot latest;
  private volatile String description;
  private volatile Duration lookTook = Duration.ZERO;

  /** What the driver is really let go of. */
  private volatile Release inForce = Release.NOTHING; // written under lock

  // Touched by the nvml thread alone.
  private final NvmlDevices devices;
  private final DeviceReaders readers;
  private @Nullable NvmlLibrary nvml;
  private Optional<NvmlLibrary.Events> events = Optional.empty();
  private boolean isToBeReopened;

  /** The released devices of which this session never had a handle. */
  private final Set<GpuUuid> untouched = new HashSet<>();

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
    return new GpuSnapshot(
        newest.at(),
        current(newest.devices()),
        wish.all() ? Optional.of(ALL_RELEASED) : newest.fault());
  }

  /** Returns the devices as an administrator wants them from now on: released, quarantined. */
  private List<GpuDevice> current(List<GpuDevice> seen) {
    Set<GpuUuid> released = wish.devices();
    return seen.stream()
        .map(health::current)
        .map(device -> released.contains(device.uuid()) ? NvmlDevices.released(device) : device)
        .toList();
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
    Set<GpuUuid> given = inForce.devices();
    changeWish(
        () -> {
          given.forEach(health::wasGivenBack);
          return Release.NOTHING;
        });
  }

  @Override
  public void keepDriver(Optional<GpuUuid> device) {
    changeWish(
        () -> {
          Set<GpuUuid> devices = new HashSet<>(wish.devices());
          device.ifPresent(devices::remove);
          return new Release(wish.all() && device.isPresent(), devices);
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
  public boolean awaitRelease(Optional<GpuUuid> device, Duration limit) {
    lock.lock();
    try {
      awaitUnless(limit, () -> isReleased(device));
      return isReleased(device);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    } finally {
      lock.unlock();
    }
  }

  private void enforced(Release release) {
    lock.lock();
    try {
      inForce = release;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
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
        publish(new GpuSnapshot(begun.at(), latest.devices(), Optional.of(ALL_RELEASED)));
        enforced(begun.release());
        return pace.interval();
      }
      Set<GpuUuid> released = begun.release().devices();
      NvmlLibrary library = opened(released);
      List<DeviceReading> readings =
          readers.read(library, events, library.deviceCount(), ordinals(released), begun.at());
      NvmlDevices.Look look = devices.look(readings, errors(), released, begun.at());
      List<GpuDevice> seen = health.judge(look.devices(), look.cameBack(), begun.at());
      failures = 0;
      publish(new GpuSnapshot(begun.at(), seen, Optional.empty()));
      report(seen);
      lookTook = Duration.ofNanos(System.nanoTime() - beganNanos);
      firstLook.complete(Optional.empty());
      untouched.removeAll(NvmlDevices.identified(readings));
      if (untouched.containsAll(released)) {
        enforced(begun.release());
      }
      // While a call hangs, the session stays, for the sake of the other devices.
      isToBeReopened = readers.busy().isEmpty() && needsNewSession(library, seen);
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
    boolean isOne = seen.stream().anyMatch(device -> device.presence() == Presence.LOST);
    boolean isListed =
        seen.stream()
            .anyMatch(
                device ->
                    device.presence() == Presence.LOST && device.ordinal() != GpuDevice.NO_ORDINAL);
    return library.wasReplaced()
        || devices.needNewSession()
        || (isOne && devices.haveCardsChanged())
        || (isListed && System.nanoTime() - openedNanos > pace.reopenLost().toNanos());
  }

  /**
   * Lets go of what an administrator asked for. Handles end with their session, which stays as long
   * as one of its calls hangs.
   */
  private void letGo(Release release) {
    if (nvml == null || (!release.all() && untouched.containsAll(release.devices()))) {
      return;
    }
    if (readers.busy().isEmpty()) {
      closeLibrary();
    } else if (release.all()) {
      throw new GpuException(
          GpuException.Kind.FAILED,
          "an administrator asked for the NVIDIA driver, and one of its calls does not return; see"
              + " dmesg");
    }
  }

  private Set<Integer> ordinals(Set<GpuUuid> released) {
    return released.stream()
        .flatMap(uuid -> devices.ordinalOf(uuid).stream())
        .collect(Collectors.toSet());
  }

  /** Takes the errors that the driver reported since the last look. */
  private List<NvmlLibrary.DeviceXid> errors() {
    List<NvmlLibrary.DeviceXid> errors = new ArrayList<>();
    while (events.isPresent() && errors.size() < MOST_ERRORS_A_LOOK) {
      Optional<NvmlLibrary.DeviceXid> error = events.get().next(readers.devices());
      if (error.isEmpty()) {
        return errors;
      }
      errors.add(error.get());
    }
    return errors;
  }

  private NvmlLibrary opened(Set<GpuUuid> released) {
    closeIfWanted();
    NvmlLibrary open = nvml;
    if (open == null) {
      open = NvmlLibrary.open(libraryName);
      nvml = open;
      openedNanos = System.nanoTime();
      untouched.clear();
      untouched.addAll(released);
      events = open.openEvents();
      devices.newSession();
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
                  "NVML must be closed and opened again, and a call for GPU "
                      + ordinal
                      + " does not return: the driver hangs; see dmesg, and boot the machine");
            });
    closeLibrary();
  }

  private Duration failed(Instant at, GpuException reason) {
    if (readers.busy().isEmpty()) {
      closeLibrary();
    } else {
      // While a call hangs, a session that still works stays, for the sake of the other devices.
      isToBeReopened |= reason.endsSession();
    }
    if (reason.kind() == GpuException.Kind.DRIVER_NOT_LOADED && Files.notExists(LOADED_DRIVER)) {
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
    isToBeReopened = false;
    if (open == null) {
      return;
    }
    try {
      Instant now = clock.instant();
      errors().forEach(error -> devices.reported(error, now));
      events.ifPresent(NvmlLibrary.Events::close);
    } catch (GpuException e) {
      log.debug("The last errors of a session", e); // it is void
    }
    events = Optional.empty();
    nvml = null;
    try {
      open.close();
    } catch (GpuException e) {
      // A session that is void cannot be shut down. The library was unloaded all the same.
      log.debug("Closing NVML", e);
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
