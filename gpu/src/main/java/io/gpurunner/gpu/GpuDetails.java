package io.gpurunner.gpu;

import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a driver tells of a device beyond its memory and processes. Immutable.
 *
 * @param busId the device's address on the PCI bus as the kernel writes it, {@code 0000:3b:00.0}
 * @param facts those that this device and driver support
 * @param xids the newest errors that the driver reported while the agent looked, oldest first, at
 *     most {@link #MOST_XIDS}
 */
public record GpuDetails(Optional<String> busId, Map<GpuFact, Long> facts, List<ReportedXid> xids) {
  /** The largest number of errors of a device that are remembered. */
  public static final int MOST_XIDS = 16;

  /** Nothing is known. */
  public static final GpuDetails NONE = new GpuDetails(Optional.empty(), Map.of(), List.of());

  /**
   * An error that the driver reported.
   *
   * @param at when the agent read it, at most a second after it was reported
   * @param number NVIDIA's number of the error ({@link Xid})
   */
  public record ReportedXid(Instant at, long number) {}

  public GpuDetails {
    facts = facts.isEmpty() ? Map.of() : Map.copyOf(new EnumMap<>(facts));
    xids = List.copyOf(xids);
  }

  /** Returns a fact. It is empty if the device or the driver does not support it. */
  public OptionalLong get(GpuFact fact) {
    Long value = facts.get(fact);
    return value == null ? OptionalLong.empty() : OptionalLong.of(value);
  }

  boolean is(GpuFact fact, long value) {
    return get(fact).equals(OptionalLong.of(value));
  }

  GpuDetails withXids(List<ReportedXid> reported) {
    return new GpuDetails(busId, facts, reported);
  }

  /** Returns what stays true of a device that cannot be read now. */
  GpuDetails identityOnly() {
    Map<GpuFact, Long> kept = new EnumMap<>(GpuFact.class);
    get(GpuFact.MINOR).ifPresent(minor -> kept.put(GpuFact.MINOR, minor));
    return new GpuDetails(busId, kept, xids);
  }
}
