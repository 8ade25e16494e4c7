package io.gpurunner.gpu;

import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the inventory that the configuration asks for. */
public final class GpuInventories {
  private static final Logger log = LoggerFactory.getLogger(GpuInventories.class);

  private GpuInventories() {}

  /**
   * Opens an inventory. With NVML, it waits at most 30 s for the first look. It never fails: if
   * NVML is configured and does not work, the snapshots say why, and NVML is tried again in the
   * background.
   *
   * <p>With {@code AUTO}, a machine with an NVIDIA GPU on its PCI bus has GPUs, also if NVML finds
   * no driver, unless simulated ones are named. A machine whose driver is out of order (library and
   * kernel module of two versions, no permission) has GPUs that cannot be read; it is not a machine
   * without GPUs. The same is true of a machine whose library or driver is missing while a job
   * holds a device that only NVML can show. The choice is for the life of the process, so another
   * choice would take the GPUs from a job that still runs.
   *
   * @param inUse the devices that jobs hold
   */
  public static GpuInventory open(GpuSettings settings, Set<GpuUuid> inUse, Clock clock) {
    return open(settings, inUse, clock, LookPace.DEFAULT, PciBus.ofThisMachine());
  }

  static GpuInventory open(
      GpuSettings settings, Set<GpuUuid> inUse, Clock clock, LookPace pace, PciBus bus) {
    GpuInventory inventory =
        switch (settings.provider()) {
          case AUTO -> auto(settings, inUse, clock, pace, bus);
          case NVML -> nvml(settings, clock, pace);
          case SIMULATED -> new SimulatedGpuInventory(settings.simulated(), clock);
          case NONE -> new NoGpuInventory(clock);
        };
    log.info("GPUs: {}", inventory.description());
    return inventory;
  }

  private static GpuInventory nvml(GpuSettings settings, Clock clock, LookPace pace) {
    NvmlGpuInventory inventory = NvmlGpuInventory.start(settings.nvmlLibrary(), pace, clock);
    inventory.awaitFirstLook().ifPresent(GpuInventories::reportUnavailable);
    return inventory;
  }

  private static GpuInventory auto(
      GpuSettings settings, Set<GpuUuid> inUse, Clock clock, LookPace pace, PciBus bus) {
    NvmlGpuInventory inventory = NvmlGpuInventory.start(settings.nvmlLibrary(), pace, clock);
    Optional<GpuException> failure = inventory.awaitFirstLook();
    if (failure.isEmpty()) {
      return inventory;
    }
    GpuException reason = failure.get();
    if (showsGpus(reason.kind())) {
      reportUnavailable(reason);
      return inventory;
    }
    List<String> cards = bus.nvidiaGpus();
    if (settings.simulated().isEmpty() && !cards.isEmpty()) {
      reportUnavailable(reason);
      log.error(
          "gpu.provider auto waits for NVML, because this machine has the NVIDIA GPUs {} on its PCI"
              + " bus; set gpu.provider to none to do without them",
          String.join(", ", cards));
      return inventory;
    }
    GpuInventory instead = withoutNvml(settings, clock);
    Set<GpuUuid> missing = missing(instead, inUse);
    if (!missing.isEmpty()) {
      reportUnavailable(reason);
      log.error(
          "gpu.provider auto waits for NVML, because jobs hold {}; if these GPUs were removed for good,"
              + " restart the agent once the jobs have ended",
          missing.stream().map(GpuUuid::value).collect(Collectors.joining(", ")));
      instead.close();
      return inventory;
    }
    inventory.close();
    log.info(
        "gpu.provider auto does not use NVML: {}; set gpu.provider to nvml to wait for it",
        reason.getMessage());
    return instead;
  }

  private static GpuInventory withoutNvml(GpuSettings settings, Clock clock) {
    return settings.simulated().isEmpty()
        ? new NoGpuInventory(clock)
        : new SimulatedGpuInventory(settings.simulated(), clock);
  }

  /** Returns the devices that an inventory does not have. */
  private static Set<GpuUuid> missing(GpuInventory inventory, Set<GpuUuid> devices) {
    Set<GpuUuid> missing = new TreeSet<>(devices);
    inventory.snapshot().devices().forEach(device -> missing.remove(device.uuid()));
    return missing;
  }

  /**
   * Returns whether a failure of this kind shows that the machine has an NVIDIA driver, and so
   * GPUs.
   */
  private static boolean showsGpus(GpuException.Kind kind) {
    return switch (kind) {
      case LIBRARY_NOT_FOUND, LIBRARY_UNUSABLE, DRIVER_NOT_LOADED, NO_DEVICES -> false;
      case DRIVER_MISMATCH, NO_PERMISSION, SESSION_LOST, DEVICE_LOST, NOT_SUPPORTED, FAILED -> true;
    };
  }

  private static void reportUnavailable(GpuException reason) {
    log.error(
        "NVML does not work, so no GPU is handed out; it is tried again in the background{}: {}",
        reason.kind().retry()
            ? " and may recover by itself"
            : ", but an administrator has to remove the cause",
        reason.getMessage());
  }
}
