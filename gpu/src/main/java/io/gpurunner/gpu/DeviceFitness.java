package io.gpurunner.gpu;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Judges whether a device may be handed out, and whether a leased one may be taken back. Pure;
 * thread-safe.
 */
public final class DeviceFitness {
  /**
   * The most memory that may be in use on a free device. A device with more is not free, even if no
   * process is listed. A free device shows 0 to a few hundred MiB: the memory of a display server,
   * and the driver's own reserve, which drivers before 510 count as used. The largest reserves,
   * those of data-centre devices, stay well below 1 GiB. Memory above the limit belongs to a
   * process that died in the kernel, or to one that NVML cannot see.
   */
  public static final long IDLE_MEMORY_LIMIT_BYTES = 1L << 30;

  private static final int PROCESSES_NAMED = 8;
  private static final long BYTES_PER_MIB = 1L << 20;

  private DeviceFitness() {}

  /**
   * Returns the devices of a snapshot that may be handed out: healthy, and used by nobody. There
   * are none if the look failed, because the snapshot's devices are those of an earlier look. The
   * caller has to subtract the leased devices.
   */
  public static List<GpuDevice> fitDevices(GpuSnapshot snapshot) {
    return snapshot.fault().isPresent()
        ? List.of()
        : snapshot.devices().stream().filter(device -> unfitReason(device).isEmpty()).toList();
  }

  /**
   * Returns why this device, which has no lease, must not be handed out. It is empty if it may be.
   */
  public static Optional<String> unfitReason(GpuDevice device) {
    return device.fault().isPresent()
        ? Optional.of(name(device) + ": " + device.fault().get())
        : occupiedReason(device);
  }

  /**
   * Returns why a lease must be kept although its container is gone. It is empty once a look has
   * seen the device free.
   *
   * <p>A device that is lost, or absent from a good look, does not keep its lease. Nothing can run
   * on it any more, and it may never be seen again, so the job would wait for ever. It is not
   * handed out either, because {@link #unfitReason} refuses it as long as it is lost. A device that
   * is present but cannot be read keeps its lease, because a process may still be on it.
   *
   * @param after when the container was seen gone; a look that began earlier proves nothing
   */
  public static Optional<String> stillBusyReason(
      GpuSnapshot snapshot, GpuUuid uuid, Instant after) {
    if (snapshot.fault().isPresent()) {
      return Optional.of("the GPUs cannot be looked at: " + snapshot.fault().get());
    }
    if (!snapshot.at().isAfter(after)) {
      return Optional.of(
          "no look at the GPUs has begun since %s; the newest began at %s"
              .formatted(after, snapshot.at()));
    }
    return snapshot.devices().stream()
        .filter(device -> device.uuid().equals(uuid))
        .findFirst()
        .flatMap(
            device ->
                switch (device.presence()) {
                  case READABLE -> occupiedReason(device);
                  case UNREADABLE ->
                      Optional.of(name(device) + ": " + device.fault().orElse("unreadable"));
                  case LOST -> Optional.empty();
                });
  }

  private static Optional<String> occupiedReason(GpuDevice device) {
    List<GpuProcess> processes = device.computeProcesses();
    if (!processes.isEmpty()) {
      return Optional.of(
          name(device)
              + ": used by "
              + processes.stream()
                  .limit(PROCESSES_NAMED)
                  .map(GpuProcess::words)
                  .collect(Collectors.joining(", "))
              + (processes.size() > PROCESSES_NAMED
                  ? " and " + (processes.size() - PROCESSES_NAMED) + " more"
                  : ""));
    }
    if (device.memoryUsedBytes() > IDLE_MEMORY_LIMIT_BYTES) {
      return Optional.of(
          "%s: %d MiB of its memory are in use with no process listed (up to %d MiB count as free)"
              .formatted(
                  name(device),
                  device.memoryUsedBytes() / BYTES_PER_MIB,
                  IDLE_MEMORY_LIMIT_BYTES / BYTES_PER_MIB));
    }
    return Optional.empty();
  }

  /** Returns the name of a device for messages: {@code GPU 0 (GPU-…)}. */
  public static String name(GpuDevice device) {
    return "GPU " + device.ordinal() + " (" + device.uuid() + ")";
  }
}
