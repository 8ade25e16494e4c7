package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.gpurunner.gpu.GpuDevice.Presence;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DeviceFitnessTest {
  private static final Instant GONE = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant LATER = GONE.plusMillis(1);
  private static final GpuUuid UUID = new GpuUuid("GPU-a");
  private static final long MIB = 1L << 20;

  private static GpuDevice device(long usedBytes, List<GpuProcess> processes) {
    GpuDevice free = GpuDevice.free(UUID, 3, "NVIDIA L40S", 48L << 30);
    return free.withUse(free.memory().withUsed(usedBytes), processes);
  }

  private static GpuDevice faulty(Presence presence) {
    return device(0, List.of()).withFault(presence, "it broke");
  }

  private static GpuSnapshot look(GpuDevice... devices) {
    return new GpuSnapshot(LATER, List.of(devices), Optional.empty());
  }

  private static Optional<String> busy(GpuSnapshot snapshot) {
    return DeviceFitness.stillBusyReason(snapshot, UUID, GONE);
  }

  @Test
  void aFreeDeviceIsFitAndReleased() {
    GpuDevice free = device(0, List.of());
    assertThat(DeviceFitness.unfitReason(free)).isEmpty();
    assertThat(busy(look(free))).isEmpty();
  }

  @Test
  void memoryUpToTheLimitCountsAsFree() {
    GpuDevice most = device(IdleUse.RESERVE_INCLUDED_BYTES, List.of());
    assertThat(DeviceFitness.unfitReason(most)).isEmpty();
    assertThat(busy(look(most))).isEmpty();
  }

  @Test
  void memoryBeyondTheLimitDoesNot() {
    GpuDevice leaking = device(2500 * MIB, List.of());
    String reason =
        "GPU 3 (GPU-a): 2500 MiB of its memory are in use with no process listed (up to 1024 MiB"
            + " count as free)";
    assertThat(DeviceFitness.unfitReason(leaking)).contains(reason);
    assertThat(busy(look(leaking))).contains(reason);
  }

  @Test
  void aProcessOfAnySizeIsNamed() {
    GpuDevice used = device(0, List.of(new GpuProcess(17, 0), new GpuProcess(18, 1)));
    assertThat(DeviceFitness.unfitReason(used))
        .contains("GPU 3 (GPU-a): used by process 17 (0 MiB), process 18 (0 MiB)");
    assertThat(busy(look(used))).isPresent();
  }

  @Test
  void manyProcessesAreCounted() {
    List<GpuProcess> many =
        IntStream.range(0, 1000).mapToObj(pid -> new GpuProcess(pid, 0)).toList();
    assertThat(DeviceFitness.unfitReason(device(0, many)).orElseThrow())
        .endsWith("process 7 (0 MiB) and 992 more");
  }

  @ParameterizedTest
  @EnumSource(Presence.class)
  void aFaultMakesUnfit(Presence presence) {
    assertThat(DeviceFitness.unfitReason(faulty(presence))).contains("GPU 3 (GPU-a): it broke");
    assertThat(DeviceFitness.fitDevices(look(faulty(presence)))).isEmpty();
  }

  @Test
  void aReadableDeviceWithAFaultIsReleasedByWhatWasRead() {
    assertThat(busy(look(faulty(Presence.READABLE)))).isEmpty();
  }

  @Test
  void anUnreadableDeviceKeepsItsLease() {
    assertThat(busy(look(faulty(Presence.UNREADABLE)))).contains("GPU 3 (GPU-a): it broke");
  }

  @Test
  void aLostOrAbsentDeviceHoldsNoLease() {
    assertThat(busy(look(faulty(Presence.LOST)))).isEmpty();
    assertThat(busy(look())).isEmpty();
  }

  @Test
  void aLookNotBegunAfterwardsProvesNothing() {
    for (Instant at : List.of(GONE, GONE.minusNanos(1))) {
      assertThat(busy(new GpuSnapshot(at, List.of(device(0, List.of())), Optional.empty())))
          .contains("no look at the GPUs has begun since " + GONE + "; the newest began at " + at);
    }
  }

  @Test
  void aFailedLookProvesNothingAndHandsNothingOut() {
    GpuSnapshot failed =
        new GpuSnapshot(LATER, List.of(device(0, List.of())), Optional.of("driver gone"));
    assertThat(busy(failed)).contains("the GPUs cannot be looked at: driver gone");
    assertThat(DeviceFitness.fitDevices(failed)).isEmpty();
  }

  @Test
  void fitDevicesLeavesOutTheOthers() {
    GpuDevice free = GpuDevice.free(new GpuUuid("GPU-b"), 4, "NVIDIA L40S", 1);
    assertThat(DeviceFitness.fitDevices(look(device(0, List.of(new GpuProcess(1, 1))), free)))
        .containsExactly(free);
  }

  @Test
  void anIgnoredProcessBlocksNothing() {
    GpuProcess desktop =
        new GpuProcess(9, OptionalLong.of(1), GpuProcess.Kind.GRAPHICS, Optional.empty(), true);
    assertThat(DeviceFitness.unfitReason(device(0, List.of(desktop)))).isEmpty();
    assertThat(DeviceFitness.unfitReason(device(0, List.of(desktop, new GpuProcess(10, 0)))))
        .contains("GPU 3 (GPU-a): used by process 10 (0 MiB)");
  }

  @Test
  void aQuarantineMakesUnfitAndHoldsNoLease() {
    GpuDevice held =
        device(0, List.of())
            .withHealth(
                GpuHealth.HEALTHY
                    .held(new GpuHealth.Hold("XID 48", GONE, GpuHealth.Ends.RESET))
                    .after(List.of(), GONE));
    assertThat(DeviceFitness.unfitReason(held)).contains("GPU 3 (GPU-a): quarantined: XID 48");
    assertThat(busy(look(held))).isEmpty();
  }

  /** What others use of the host's memory may last for ever. */
  @Test
  void sharedMemoryMakesUnfitAndHoldsNoLease() {
    GpuMemory full =
        new GpuMemory(OptionalLong.of(100 * MIB), OptionalLong.of(95 * MIB), 90 * MIB, true);
    GpuDevice shared = device(0, List.of()).withUse(full, List.of());
    assertThat(DeviceFitness.unfitReason(shared))
        .contains(
            "GPU 3 (GPU-a): 95 MiB of the host's memory, which it shares, are in use (up to 90 MiB"
                + " count as free)");
    assertThat(busy(look(shared))).isEmpty();
  }

  @Test
  void aDeviceThatIsNotReadableSaysWhy() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                new GpuDevice(
                    UUID,
                    3,
                    "x",
                    GpuMemory.UNKNOWN,
                    List.of(),
                    Optional.empty(),
                    Presence.UNREADABLE,
                    GpuDetails.NONE,
                    GpuHealth.HEALTHY,
                    GONE));
  }
}
