package io.gpurunner.gpu;

import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * Simulated GPUs for a machine that has none. They are always free, and healthy unless an
 * administrator put one in quarantine. A device's UUID says that it is simulated. It follows from
 * the device's position and name, so that leases survive a restart. A look costs nothing, so every
 * snapshot is a new look. Thread-safe.
 */
public final class SimulatedGpuInventory implements GpuInventory {
  /** The memory that each device reports. */
  static final long MEMORY_BYTES = 24L << 30;

  private static final int HASH_LENGTH = 8;

  private final List<GpuDevice> devices;
  private final HealthBook health;
  private final Clock clock;

  /**
   * @param productNames the name of each device, by ordinal
   */
  public SimulatedGpuInventory(List<String> productNames, Clock clock) {
    this(productNames, HealthBook.forgetful(clock), clock);
  }

  /**
   * @param productNames the name of each device, by ordinal
   * @param health where an administrator's quarantine is kept
   */
  public SimulatedGpuInventory(List<String> productNames, HealthBook health, Clock clock) {
    this.health = health;
    this.devices =
        IntStream.range(0, productNames.size())
            .mapToObj(ordinal -> device(ordinal, productNames.get(ordinal)))
            .toList();
    this.clock = clock;
  }

  private static GpuDevice device(int ordinal, String name) {
    UUID uuid =
        UUID.nameUUIDFromBytes(
            ("gpurunner simulated GPU " + ordinal + " " + name).getBytes(StandardCharsets.UTF_8));
    String shown = "GPU-simulated-" + ordinal + "-" + uuid.toString().substring(0, HASH_LENGTH);
    return GpuDevice.free(new GpuUuid(shown), ordinal, name, MEMORY_BYTES);
  }

  @Override
  public GpuSnapshot snapshot() {
    Instant now = clock.instant();
    return new GpuSnapshot(now, health.judge(devices, Set.of(), now), Optional.empty());
  }

  @Override
  public void requestLook() {
    // Every snapshot is a new look.
  }

  @Override
  public String description() {
    return devices.size() + (devices.size() == 1 ? " simulated GPU" : " simulated GPUs");
  }

  @Override
  public boolean isSimulated() {
    return true;
  }

  @Override
  public void close() {
    // Nothing is held.
  }
}
