package io.gpurunner.gpu;

import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the inventory that the configuration asks for. */
public final class GpuInventories {
  /** The time for a first look that decides whether there are GPUs. */
  static final Duration FIRST_LOOK_LIMIT = Duration.ofSeconds(5);

  private static final Logger log = LoggerFactory.getLogger(GpuInventories.class);

  private GpuInventories() {}

  /**
   * Opens an inventory. It never fails: if NVML does not work, the snapshots say why, and NVML is
   * tried again in the background. It waits for NVML only with {@code AUTO} where the PCI bus does
   * not show whether there are GPUs, and then at most for {@link #FIRST_LOOK_LIMIT}.
   *
   * <p>With {@code AUTO}, a machine with an NVIDIA GPU on its PCI bus has GPUs, also if NVML finds
   * no driver, unless simulated ones are named. A machine whose driver is out of order (library and
   * kernel module of two versions, no permission) has GPUs that cannot be read; it is not a machine
   * without GPUs. The same is true of a machine whose library or driver is missing while a job
   * holds a device that only NVML can show. The choice is for the life of the process, so another
   * choice would take the GPUs from a job that still runs.
   *
   * @param inUse the devices that jobs hold
   * @param health the health of the devices, which outlives the process
   */
  public static GpuInventory open(
      GpuSettings settings, Set<GpuUuid> inUse, HealthBook health, Clock clock) {
    return open(
        settings, inUse, new Opening(LookPace.DEFAULT, PciBus.ofThisMachine(), health, clock));
  }

  /** What an inventory is opened with, whatever its kind. */
  record Opening(LookPace pace, PciBus bus, HealthBook health, Clock clock) {}

  static GpuInventory open(GpuSettings settings, Set<GpuUuid> inUse, Opening opening) {
    GpuInventory inventory =
        switch (settings.provider()) {
          case AUTO -> auto(settings, inUse, opening);
          case NVML -> nvml(settings, opening);
          case SIMULATED -> simulated(settings, opening);
          case NONE -> new NoGpuInventory(opening.clock());
        };
    log.info("GPUs: {}", inventory.description());
    return inventory;
  }

  private static NvmlGpuInventory started(GpuSettings settings, Opening opening) {
    return NvmlGpuInventory.start(
        settings, opening.pace(), opening.bus(), opening.health(), opening.clock());
  }

  private static GpuInventory nvml(GpuSettings settings, Opening opening) {
    NvmlGpuInventory inventory = started(settings, opening);
    inventory.onFirstFailure(GpuInventories::reportUnavailable);
    return inventory;
  }

  private static GpuInventory simulated(GpuSettings settings, Opening opening) {
    return new SimulatedGpuInventory(settings.simulated(), opening.health(), opening.clock());
  }

  private static GpuInventory auto(GpuSettings settings, Set<GpuUuid> inUse, Opening opening) {
    List<String> cards = opening.bus().nvidiaGpus();
    if (settings.simulated().isEmpty() && !cards.isEmpty()) {
      log.info(
          "gpu.provider auto uses NVML, because this machine has the NVIDIA GPUs {} on its PCI bus",
          String.join(", ", cards));
      return nvml(settings, opening);
    }
    NvmlGpuInventory inventory = started(settings, opening);
    Optional<GpuException> failure = inventory.awaitFirstLook(FIRST_LOOK_LIMIT);
    if (failure.isEmpty()) {
      return inventory;
    }
    GpuException reason = failure.get();
    if (showsGpus(reason.kind())) {
      reportUnavailable(reason);
      return inventory;
    }
    GpuInventory instead = withoutNvml(settings, opening);
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

  private static GpuInventory withoutNvml(GpuSettings settings, Opening opening) {
    return settings.simulated().isEmpty()
        ? new NoGpuInventory(opening.clock())
        : simulated(settings, opening);
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
      case DRIVER_MISMATCH,
          NO_PERMISSION,
          SESSION_LOST,
          DEVICE_LOST,
          NOT_SUPPORTED,
          UNKNOWN,
          FAILED ->
          true;
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
