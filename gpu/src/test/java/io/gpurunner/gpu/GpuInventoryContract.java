package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The contract of every inventory whose devices are healthy and free. */
abstract class GpuInventoryContract {
  static final Duration LIMIT = Duration.ofSeconds(20);

  final MovableClock clock = new MovableClock();
  private GpuInventory inventory;

  /** Opens an inventory of two free devices named {@code NVIDIA GeForce RTX 3090}. */
  abstract GpuInventory open(Clock clock);

  @BeforeEach
  void openInventory() {
    inventory = open(clock);
  }

  @AfterEach
  void closeInventory() {
    inventory.close();
  }

  @Test
  void theFirstSnapshotIsAGoodLook() {
    GpuSnapshot snapshot = inventory.snapshot();
    assertThat(snapshot.fault()).isEmpty();
    assertThat(snapshot.devices())
        .extracting(GpuDevice::name)
        .containsExactly("NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3090");
    assertThat(snapshot.devices()).extracting(GpuDevice::ordinal).containsExactly(0, 1);
  }

  @Test
  void devicesAreFitAndDistinct() {
    List<GpuDevice> devices = DeviceFitness.fitDevices(inventory.snapshot());
    Set<GpuUuid> uuids = devices.stream().map(GpuDevice::uuid).collect(Collectors.toSet());
    assertThat(uuids).hasSize(2).allMatch(uuid -> uuid.value().startsWith("GPU-"));
    assertThat(devices)
        .allSatisfy(
            device -> {
              assertThat(device.memory().total().orElseThrow()).isPositive();
              assertThat(device.memory().used()).hasValue(0);
              assertThat(device.processes()).isEmpty();
              assertThat(device.health().state()).isEqualTo(GpuHealth.State.HEALTHY);
            });
    assertThat(
            DeviceChoice.choose(devices, new GpuType("nvidia_geforce_rtx-3090"), 2).orElseThrow())
        .hasSize(2);
  }

  @Test
  void aSecondInventoryShowsTheSameDevices() {
    try (GpuInventory again = open(clock)) {
      assertThat(again.snapshot().devices()).isEqualTo(inventory.snapshot().devices());
    }
  }

  @Test
  void aRequestIsFollowedByALookBegunAfterIt() {
    GpuUuid uuid = inventory.snapshot().devices().getFirst().uuid();
    Instant gone = clock.instant();
    assertThat(DeviceFitness.stillBusyReason(inventory.snapshot(), uuid, gone)).isPresent();
    clock.advance(Duration.ofMillis(1));
    inventory.requestLook();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(DeviceFitness.stillBusyReason(inventory.snapshot(), uuid, gone))
                    .isEmpty());
  }

  @Test
  void theDescriptionIsOneLine() {
    assertThat(inventory.description()).isNotBlank().doesNotContain("\n");
  }

  @Test
  void closingTwiceAndAskingAfterwardsIsNoError() {
    inventory.close();
    inventory.close();
    inventory.requestLook();
    assertThat(inventory.snapshot().devices()).hasSize(2);
  }
}
