package io.gpurunner.gpu;

import io.gpurunner.gpu.DeviceReading.Read;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Reads one device of NVML's list on a thread of its own, {@code nvml-<ordinal>}. A driver can hang
 * in the calls for one device, and the others must be read all the same.
 */
final class DeviceReader implements AutoCloseable {
  /** The time between two readings of what is only shown. */
  static final Duration SHOWN_INTERVAL = Duration.ofSeconds(5);

  private final int ordinal;
  private final IdleUse idleUse;
  private final UserNames names;
  private final ExecutorService thread;

  /** The reading that is under way. */
  private @Nullable CompletableFuture<DeviceReading> asked;

  private final AtomicReference<NvmlLibrary.@Nullable Device> device = new AtomicReference<>();

  // Touched by the reader's thread alone.
  private Map<GpuFact, Long> shown = Map.of();
  private Map<GpuFact, Long> latest = Map.of();
  private long shownNanos;
  private @Nullable NvmlLibrary session;

  DeviceReader(int ordinal, IdleUse idleUse, UserNames names) {
    this.ordinal = ordinal;
    this.idleUse = idleUse;
    this.names = names;
    this.thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("nvml-" + ordinal).factory());
  }

  int ordinal() {
    return ordinal;
  }

  /** Returns whether a reading has not returned. */
  boolean isBusy() {
    return asked != null && !asked.isDone();
  }

  /** Begins a reading, unless one is under way. Returns the one that is under way. */
  CompletableFuture<DeviceReading> ask(NvmlLibrary library, Optional<NvmlLibrary.Events> events) {
    CompletableFuture<DeviceReading> pending = asked;
    if (pending == null || pending.isDone()) {
      pending = CompletableFuture.supplyAsync(() -> read(library, events), thread);
      asked = pending;
    }
    return pending;
  }

  /** Returns the device of the newest session. It is empty if it could not be found. */
  Optional<NvmlLibrary.Device> device() {
    return Optional.ofNullable(device.get());
  }

  private DeviceReading read(NvmlLibrary library, Optional<NvmlLibrary.Events> events) {
    GpuUuid uuid = null;
    String name = null;
    try {
      NvmlLibrary.Device found = library.device(ordinal);
      boolean isNew = session != library;
      device.set(found);
      uuid = found.uuid();
      name = found.name();
      if (isNew) {
        shown = Map.of();
        latest = Map.of();
        shownNanos = 0;
        // If it fails, the next look registers again.
        boolean isRegistered =
            events.isEmpty() || events.get().register(found) != NvmlLibrary.Outcome.FAILED;
        session = isRegistered ? library : null;
      }
      GpuDetails details = details(found);
      List<GpuProcess> processes = processes(found);
      return new DeviceReading(
          uuid, name, new Read(memory(uuid, found, processes), processes, details), null);
    } catch (GpuException e) {
      return new DeviceReading(uuid, name, null, e);
    } catch (RuntimeException | LinkageError e) {
      return new DeviceReading(
          uuid,
          name,
          null,
          new GpuException(
              GpuException.Kind.FAILED, "the look at GPU " + ordinal + " failed: " + e, e));
    }
  }

  private GpuDetails details(NvmlLibrary.Device found) {
    Set<GpuFact.Pace> paces = EnumSet.of(GpuFact.Pace.EVERY_LOOK);
    long now = System.nanoTime();
    boolean isTimeToShow = shownNanos == 0 || now - shownNanos >= SHOWN_INTERVAL.toNanos();
    if (isTimeToShow) {
      paces.add(GpuFact.Pace.EVERY_FEW_LOOKS);
    }
    Map<GpuFact, Long> facts = new EnumMap<>(GpuFact.class);
    facts.putAll(shown);
    facts.putAll(found.facts(paces, latest));
    latest = facts;
    if (isTimeToShow) {
      shownNanos = now;
      shown = new EnumMap<>(GpuFact.class);
      facts.forEach(
          (fact, value) -> {
            if (fact.pace() == GpuFact.Pace.EVERY_FEW_LOOKS) {
              shown.put(fact, value);
            }
          });
    }
    return new GpuDetails(found.busId(), facts, List.of());
  }

  private List<GpuProcess> processes(NvmlLibrary.Device found) {
    return found.processes().stream()
        .map(
            process -> {
              GpuProcess known = process.with(ProcessFacts.of(process.pid(), names), false);
              return known.with(known.facts(), idleUse.ignores(known));
            })
        .toList();
  }

  private GpuMemory memory(GpuUuid uuid, NvmlLibrary.Device found, List<GpuProcess> processes) {
    return found
        .memory()
        .map(
            own ->
                idleUse.judged(
                    uuid, own.totalBytes(), own.usedBytes(), own.reserveApart(), processes))
        .orElseGet(() -> IdleUse.ofHost(HostMemory.now()));
  }

  @Override
  public void close() {
    thread.shutdown();
  }
}
