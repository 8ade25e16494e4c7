package io.gpurunner.gpu;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * One device as last observed. Immutable.
 *
 * @param ordinal NVML's index now, which may change at a reboot; {@link #NO_ORDINAL} for a card on
 *     the bus that NVML does not list
 * @param name product name as the driver prints it, {@code NVIDIA GeForce RTX 3090}
 * @param processes those that compute or draw on the device
 * @param fault why the device must not be handed out (lost, MIG mode on, unreadable); empty for one
 *     that may be
 * @param presence how much of the device the look could see
 * @param health what its errors of the past say
 * @param soundSince since when every look has found it readable and without a fault
 */
public record GpuDevice(
    GpuUuid uuid,
    int ordinal,
    String name,
    GpuMemory memory,
    List<GpuProcess> processes,
    Optional<String> fault,
    Presence presence,
    GpuDetails details,
    GpuHealth health,
    Instant soundSince) {

  /** The ordinal of a device that NVML does not list. */
  public static final int NO_ORDINAL = Integer.MAX_VALUE;

  /** How much of a device a look could see. */
  public enum Presence {
    /** The device was read. Memory and processes are those of this look. */
    READABLE,
    /**
     * The device is present but could not be read. Memory and processes are the last ones known.
     */
    UNREADABLE,
    /**
     * The device fell off the bus, is no longer listed, or waits for a reset. Nothing can run on
     * it, and it does not answer until somebody resets it or boots the machine.
     */
    LOST
  }

  /**
   * @throws IllegalArgumentException if the device is not readable and gives no reason
   */
  public GpuDevice {
    processes = List.copyOf(processes);
    if (presence != Presence.READABLE && fault.isEmpty()) {
      throw new IllegalArgumentException(presence + " GPU " + uuid + " needs a fault");
    }
  }

  /**
   * Describes a free device of which nothing more is known.
   *
   * @param memoryBytes size of its memory
   */
  public static GpuDevice free(GpuUuid uuid, int ordinal, String name, long memoryBytes) {
    return new GpuDevice(
        uuid,
        ordinal,
        name,
        GpuMemory.ofSize(memoryBytes),
        List.of(),
        Optional.empty(),
        Presence.READABLE,
        GpuDetails.NONE,
        GpuHealth.HEALTHY,
        Instant.EPOCH);
  }

  /** Returns the same device with this use. */
  public GpuDevice withUse(GpuMemory used, List<GpuProcess> users) {
    return new GpuDevice(
        uuid, ordinal, name, used, users, fault, presence, details, health, soundSince);
  }

  /** Returns the same device, which must not be handed out for this reason. */
  public GpuDevice withFault(Presence seen, String why) {
    return new GpuDevice(
        uuid,
        ordinal,
        name,
        memory,
        processes,
        Optional.of(why),
        seen,
        details,
        health,
        soundSince);
  }

  /** Returns the same device with these details. */
  public GpuDevice withDetails(GpuDetails known) {
    return new GpuDevice(
        uuid, ordinal, name, memory, processes, fault, presence, known, health, soundSince);
  }

  /** Returns the same device in this health. */
  public GpuDevice withHealth(GpuHealth judged) {
    return new GpuDevice(
        uuid, ordinal, name, memory, processes, fault, presence, details, judged, soundSince);
  }

  GpuDevice withPlace(int index, String product, Instant since) {
    return new GpuDevice(
        uuid, index, product, memory, processes, fault, presence, details, health, since);
  }

  /** Returns its type for scheduling. */
  public GpuType type() {
    return GpuType.ofProductName(name);
  }

  /** Returns whether a look found nothing wrong with it. Processes may be on it. */
  public boolean isSound() {
    return presence == Presence.READABLE && fault.isEmpty();
  }

  /** Returns the number of its device node, 3 for {@code /dev/nvidia3}. */
  public OptionalInt minor() {
    OptionalLong minor = details.get(GpuFact.MINOR);
    return minor.isPresent() ? OptionalInt.of((int) minor.getAsLong()) : OptionalInt.empty();
  }
}
