package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.NvmlLibrary.DeviceMemory;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Interprets a look through NVML. It remembers every device that has reported its UUID once, so
 * that the device keeps its identity when it cannot be read or is gone. Not thread-safe: it belongs
 * to the NVML thread.
 */
final class NvmlDevices {
  private static final String UNNAMED = "unidentified GPU";

  /** Every device that ever reported its UUID, as last observed. */
  private Map<GpuUuid, GpuDevice> known = Map.of();

  /** The device of each ordinal in the last look, and how many devices were listed then. */
  private Map<Integer, GpuUuid> ordinals = Map.of();

  private int count;

  /**
   * Looks at every device.
   *
   * @return all devices listed now or ever known
   * @throws GpuException if the devices could not be listed, or none is listed and none was known
   */
  List<GpuDevice> look(NvmlLibrary nvml) {
    int countNow = nvml.deviceCount();
    if (countNow == 0 && known.isEmpty()) {
      throw new GpuException(
          GpuException.Kind.NO_DEVICES,
          "NVML works but lists no GPU; check whether lspci shows one, and see dmesg for why the NVIDIA"
              + " driver does not use it");
    }
    Map<Integer, GpuDevice> listed = new TreeMap<>();
    Map<Integer, GpuException> unreadable = new TreeMap<>();
    Set<GpuUuid> uuids = new HashSet<>();
    for (int ordinal = 0; ordinal < countNow; ordinal++) {
      try {
        NvmlLibrary.Device device = nvml.device(ordinal);
        GpuUuid uuid = device.uuid();
        if (!uuids.add(uuid)) {
          throw new GpuException(
              GpuException.Kind.FAILED,
              "GPU " + ordinal + " reports the UUID " + uuid + ", which another GPU reported too");
        }
        listed.put(ordinal, read(device, uuid, ordinal));
      } catch (GpuException e) {
        unreadable.put(ordinal, passOnIfSessionEnds(e));
      }
    }

    Map<Integer, GpuDevice> unidentified = new TreeMap<>();
    unreadable.forEach(
        (ordinal, reason) ->
            lastHolder(ordinal, countNow)
                .filter(holder -> uuids.add(holder.uuid()))
                .ifPresentOrElse(
                    holder -> listed.put(ordinal, unread(holder, ordinal, reason)),
                    () -> unidentified.put(ordinal, unread(stranger(ordinal), ordinal, reason))));
    List<GpuDevice> absent =
        known.values().stream()
            .filter(device -> !uuids.contains(device.uuid()))
            .map(device -> unidentified.isEmpty() ? gone(device) : missing(device))
            .toList();

    remember(countNow, listed, absent);
    return Stream.of(listed.values(), unidentified.values(), absent)
        .flatMap(devices -> devices.stream())
        .sorted(
            Comparator.comparing((GpuDevice device) -> device.presence() == Presence.LOST)
                .thenComparingInt(GpuDevice::ordinal)
                .thenComparing(GpuDevice::uuid))
        .toList();
  }

  private GpuDevice read(NvmlLibrary.Device device, GpuUuid uuid, int ordinal) {
    GpuDevice before =
        Optional.ofNullable(known.get(uuid)).orElseGet(() -> stranger(uuid, ordinal));
    try {
      before = renamed(before, device.name()).withMinor(device.minorNumber());
      boolean mig = device.migEnabled();
      DeviceMemory memory = device.memory();
      return new GpuDevice(
          uuid,
          ordinal,
          before.name(),
          memory.totalBytes(),
          memory.usedBytes(),
          device.computeProcesses().stream().map(GpuProcess::asTheKernelKnowsIt).toList(),
          mig
              ? Optional.of(
                  "MIG mode is on, and MIG instances are not handed out; turn it off (nvidia-smi -i "
                      + ordinal
                      + " -mig 0), or use the device for other work")
              : Optional.empty(),
          Presence.READABLE,
          before.minor());
    } catch (GpuException e) {
      return unread(before, ordinal, passOnIfSessionEnds(e));
    }
  }

  private static GpuException passOnIfSessionEnds(GpuException e) {
    if (e.endsSession()) {
      throw e;
    }
    return e;
  }

  /**
   * Returns the device that had this ordinal in the last look. NVML numbers devices by their place
   * on the bus, so an ordinal means the same device as long as their number stays the same.
   */
  private Optional<GpuDevice> lastHolder(int ordinal, int countNow) {
    return countNow == count
        ? Optional.ofNullable(ordinals.get(ordinal)).map(known::get)
        : Optional.empty();
  }

  private void remember(int countNow, Map<Integer, GpuDevice> listed, List<GpuDevice> absent) {
    Map<GpuUuid, GpuDevice> knownNow = new HashMap<>();
    Map<Integer, GpuUuid> ordinalsNow = new HashMap<>();
    absent.forEach(device -> knownNow.put(device.uuid(), device));
    listed.forEach(
        (ordinal, device) -> {
          knownNow.put(device.uuid(), device);
          ordinalsNow.put(ordinal, device.uuid());
        });
    known = knownNow;
    ordinals = ordinalsNow;
    count = countNow;
  }

  /** Describes a device that never reported its UUID. It is not remembered. */
  private static GpuDevice stranger(int ordinal) {
    return stranger(new GpuUuid("GPU-unidentified-" + ordinal), ordinal);
  }

  private static GpuDevice stranger(GpuUuid uuid, int ordinal) {
    return new GpuDevice(uuid, ordinal, UNNAMED, 0, 0, List.of(), Optional.empty());
  }

  private static GpuDevice renamed(GpuDevice device, String name) {
    return new GpuDevice(
        device.uuid(),
        device.ordinal(),
        name,
        device.memoryTotalBytes(),
        device.memoryUsedBytes(),
        device.computeProcesses(),
        device.fault(),
        device.presence(),
        device.minor());
  }

  /** Describes a device that is listed and could not be read. */
  private static GpuDevice unread(GpuDevice before, int ordinal, GpuException reason) {
    boolean lost = reason.kind() == GpuException.Kind.DEVICE_LOST;
    return new GpuDevice(
        before.uuid(),
        ordinal,
        before.name(),
        before.memoryTotalBytes(),
        lost ? 0 : before.memoryUsedBytes(),
        lost ? List.of() : before.computeProcesses(),
        Optional.of(String.valueOf(reason.getMessage())),
        lost ? Presence.LOST : Presence.UNREADABLE,
        before.minor());
  }

  /** Describes a device that is not listed, while every listed device is known by its UUID. */
  private static GpuDevice gone(GpuDevice device) {
    return new GpuDevice(
        device.uuid(),
        device.ordinal(),
        device.name(),
        device.memoryTotalBytes(),
        0,
        List.of(),
        Optional.of(
            "NVML no longer lists it: it fell off the bus or was removed; see dmesg, power-cycle"
                + " the machine, or restart the agent to forget it"),
        Presence.LOST,
        device.minor());
  }

  /**
   * Describes a known device whose UUID is not listed, while a listed device does not report its
   * UUID. The two may be the same device.
   */
  private static GpuDevice missing(GpuDevice device) {
    return device.presence() == Presence.LOST
        ? device
        : new GpuDevice(
            device.uuid(),
            device.ordinal(),
            device.name(),
            device.memoryTotalBytes(),
            device.memoryUsedBytes(),
            device.computeProcesses(),
            Optional.of(
                "NVML lists no device with this UUID, but lists a device that does not report its UUID;"
                    + " see dmesg"),
            Presence.UNREADABLE,
            device.minor());
  }
}
