package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuDevice.Presence;
import io.gpurunner.gpu.NvmlLibrary.DeviceMemory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a look through NVML means. It remembers every device that told its UUID once, so that one
 * that cannot be read, or is gone, keeps its identity. Not thread-safe: it belongs to the NVML
 * thread.
 */
final class NvmlDevices {
  private static final String UNIDENTIFIED = "unidentified GPU";

  private final Map<GpuUuid, GpuDevice> known = new HashMap<>();
  private int countBefore;

  /**
   * Looks at every device.
   *
   * @return all devices listed now or ever known
   * @throws GpuException if they could not be listed, or none is listed and none was known
   */
  List<GpuDevice> look(NvmlLibrary nvml) {
    int count = nvml.deviceCount();
    if (count == 0 && known.isEmpty()) {
      throw new GpuException(
          GpuException.Kind.NO_DEVICES,
          "NVML works and lists no GPU; see whether lspci shows one, and dmesg for why the NVIDIA"
              + " driver does not take it");
    }
    Map<GpuUuid, GpuDevice> seen = new HashMap<>();
    Map<Integer, GpuException> unreadable = new HashMap<>();
    for (int ordinal = 0; ordinal < count; ordinal++) {
      try {
        NvmlLibrary.Device device = nvml.device(ordinal);
        GpuUuid uuid = device.uuid();
        if (seen.put(uuid, read(device, uuid, ordinal)) != null) {
          throw new GpuException(
              GpuException.Kind.FAILED, "two GPUs, one of them GPU " + ordinal + ", say " + uuid);
        }
      } catch (GpuException e) {
        if (e.endsSession()) {
          throw e;
        }
        unreadable.put(ordinal, e);
      }
    }
    List<GpuDevice> devices = new ArrayList<>(seen.values());
    // NVML numbers devices by their place on the bus, so an ordinal means the same device for as
    // long
    // as their number stays the same.
    boolean ordinalsHold = count == countBefore;
    unreadable.forEach(
        (ordinal, reason) ->
            devices.add(
                unread(ordinal, ordinalsHold ? holder(ordinal, seen) : Optional.empty(), reason)));
    boolean allIdentified = ordinalsHold || unreadable.isEmpty();
    known.values().stream()
        .filter(device -> devices.stream().noneMatch(now -> now.uuid().equals(device.uuid())))
        .map(device -> allIdentified ? gone(device) : missing(device))
        .forEach(devices::add);
    countBefore = count;
    devices.stream()
        .filter(device -> !device.name().equals(UNIDENTIFIED))
        .forEach(device -> known.put(device.uuid(), device));
    devices.sort(
        Comparator.comparing((GpuDevice device) -> device.presence() == Presence.LOST)
            .thenComparingInt(GpuDevice::ordinal)
            .thenComparing(GpuDevice::uuid));
    return devices;
  }

  private GpuDevice read(NvmlLibrary.Device device, GpuUuid uuid, int ordinal) {
    Optional<GpuDevice> before = Optional.ofNullable(known.get(uuid));
    Optional<String> name = before.map(GpuDevice::name);
    try {
      // A product name does not change; asked for again only until it was told once.
      name = name.or(() -> Optional.of(device.name()));
      boolean mig = device.migEnabled();
      DeviceMemory memory = device.memory();
      return new GpuDevice(
          uuid,
          ordinal,
          name.orElse(UNIDENTIFIED),
          memory.totalBytes(),
          memory.usedBytes(),
          device.computeProcesses(),
          mig
              ? Optional.of(
                  "MIG mode is on and instances are not handed out; turn it off (nvidia-smi -i "
                      + ordinal
                      + " -mig 0) or leave the device to others")
              : Optional.empty());
    } catch (GpuException e) {
      if (e.endsSession()) {
        throw e;
      }
      return unread(uuid, ordinal, name, before, e);
    }
  }

  /** Who had this ordinal last, among those not seen in this look. */
  private Optional<GpuDevice> holder(int ordinal, Map<GpuUuid, GpuDevice> seen) {
    return known.values().stream()
        .filter(device -> device.ordinal() == ordinal && !seen.containsKey(device.uuid()))
        .min(Comparator.comparing(device -> device.presence() == Presence.LOST));
  }

  /** A listed device that would not tell its UUID. */
  private static GpuDevice unread(int ordinal, Optional<GpuDevice> before, GpuException reason) {
    GpuUuid uuid =
        before.map(GpuDevice::uuid).orElseGet(() -> new GpuUuid("GPU-unidentified-" + ordinal));
    return unread(uuid, ordinal, before.map(GpuDevice::name), before, reason);
  }

  private static GpuDevice unread(
      GpuUuid uuid,
      int ordinal,
      Optional<String> name,
      Optional<GpuDevice> before,
      GpuException reason) {
    boolean lost = reason.kind() == GpuException.Kind.DEVICE_LOST;
    return new GpuDevice(
        uuid,
        ordinal,
        name.orElse(UNIDENTIFIED),
        before.map(GpuDevice::memoryTotalBytes).orElse(0L),
        lost ? 0 : before.map(GpuDevice::memoryUsedBytes).orElse(0L),
        lost ? List.of() : before.map(GpuDevice::computeProcesses).orElse(List.of()),
        Optional.of(String.valueOf(reason.getMessage())),
        lost ? Presence.LOST : Presence.UNREADABLE);
  }

  /** Not listed by its UUID, while another device does not tell its own: it may be that one. */
  private static GpuDevice missing(GpuDevice device) {
    return new GpuDevice(
        device.uuid(),
        device.ordinal(),
        device.name(),
        device.memoryTotalBytes(),
        device.memoryUsedBytes(),
        device.computeProcesses(),
        Optional.of(
            "NVML does not list it by its UUID now, and lists one that does not tell its own; see"
                + " dmesg"),
        Presence.UNREADABLE);
  }

  private static GpuDevice gone(GpuDevice device) {
    return new GpuDevice(
        device.uuid(),
        device.ordinal(),
        device.name(),
        device.memoryTotalBytes(),
        0,
        List.of(),
        Optional.of(
            "NVML no longer lists it: it fell off the bus or was taken out; see dmesg, power-cycle the"
                + " machine, or restart the agent to forget it"),
        Presence.LOST);
  }
}
