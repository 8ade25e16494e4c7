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
    return whyUnusable(device).or(() -> whyOccupied(device)).map(why -> name(device) + ": " + why);
  }

  /**
   * Returns the fault or the quarantine that keeps a device from jobs. Processes on the device do
   * not count. It is empty if there is neither.
   */
  public static Optional<String> whyUnusable(GpuDevice device) {
    return device.fault().or(device.health()::unusableReason);
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
                  case READABLE -> whyKept(device).map(why -> name(device) + ": " + why);
                  case UNREADABLE ->
                      Optional.of(name(device) + ": " + device.fault().orElse("unreadable"));
                  case LOST -> Optional.empty();
                });
  }

  /** Returns who uses a device that no job holds. It is empty if it is free. */
  public static Optional<String> whyOccupied(GpuDevice device) {
    return usedBy(device).or(() -> tooMuchInUse(device));
  }

  /** What is in use of the host's own memory says nothing about one device. */
  private static Optional<String> whyKept(GpuDevice device) {
    return usedBy(device)
        .or(() -> device.memory().shared() ? Optional.empty() : tooMuchInUse(device));
  }

  private static Optional<String> usedBy(GpuDevice device) {
    List<GpuProcess> processes =
        device.processes().stream().filter(process -> !process.ignored()).toList();
    return processes.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "used by "
                + processes.stream()
                    .limit(PROCESSES_NAMED)
                    .map(GpuProcess::words)
                    .collect(Collectors.joining(", "))
                + (processes.size() > PROCESSES_NAMED
                    ? " and " + (processes.size() - PROCESSES_NAMED) + " more"
                    : ""));
  }

  private static Optional<String> tooMuchInUse(GpuDevice device) {
    GpuMemory memory = device.memory();
    if (!memory.isOccupied()) {
      return Optional.empty();
    }
    long used = memory.used().orElse(0) / BYTES_PER_MIB;
    long limit = memory.idleLimit() / BYTES_PER_MIB;
    return Optional.of(
        memory.shared()
            ? "%d MiB of the host's memory, which it shares, are in use (up to %d MiB count as free)"
                .formatted(used, limit)
            : "%d MiB of its memory are in use with no process listed (up to %d MiB count as free)"
                .formatted(used, limit));
  }

  /** Returns the name of a device for messages: {@code GPU 0 (GPU-…)}. */
  public static String name(GpuDevice device) {
    return device.ordinal() == GpuDevice.NO_ORDINAL
        ? "GPU at " + device.details().busId().orElse("an unknown address")
        : "GPU " + device.ordinal() + " (" + device.uuid() + ")";
  }
}
