package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class SimulatedGpuInventoryTest extends GpuInventoryContract {
  private static final String NAME = "NVIDIA GeForce RTX 3090";

  @Override
  GpuInventory open(Clock clock) {
    return new SimulatedGpuInventory(List.of(NAME, NAME), clock);
  }

  /** The ledger stores leases by UUID, so another UUID in a later version would orphan them. */
  @Test
  void uuidsAreTheSameForEver() {
    try (GpuInventory inventory = open(clock)) {
      assertThat(inventory.snapshot().devices())
          .extracting(device -> device.uuid().value())
          .containsExactly("GPU-simulated-0-1f114092", "GPU-simulated-1-26e8e04b");
    }
  }

  @Test
  void everySnapshotIsALookOfItsOwn() {
    try (GpuInventory inventory = open(clock)) {
      clock.advance(Duration.ofDays(1));
      assertThat(inventory.snapshot().at()).isEqualTo(MovableClock.START.plus(Duration.ofDays(1)));
    }
  }

  @Test
  void describesItself() {
    assertThat(new SimulatedGpuInventory(List.of(NAME), clock).description())
        .isEqualTo("1 simulated GPU");
    assertThat(new SimulatedGpuInventory(List.of(NAME, NAME), clock).description())
        .isEqualTo("2 simulated GPUs");
    assertThat(new NoGpuInventory(clock).description()).startsWith("no GPUs");
  }
}
