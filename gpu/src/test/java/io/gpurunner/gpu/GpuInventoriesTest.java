package io.gpurunner.gpu;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GpuInventoriesTest {
  private static final String ABSENT = "libgpurunner-no-such-nvml.so.1";
  private static final List<String> TWO = List.of("NVIDIA A100", "NVIDIA A100");
  private static final LookPace BUSY =
      new LookPace(
          Duration.ofMillis(5), Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofDays(1));

  @TempDir private Path directory;
  private final MovableClock clock = new MovableClock();

  private GpuInventory open(GpuSettings.Provider provider, String library, List<String> simulated) {
    return open(provider, library, simulated, Set.of());
  }

  private GpuInventory open(
      GpuSettings.Provider provider, String library, List<String> simulated, Set<GpuUuid> inUse) {
    return GpuInventories.open(GpuSettings.of(provider, library, simulated), inUse, opening(BUSY));
  }

  private GpuInventories.Opening opening(LookPace pace) {
    return new GpuInventories.Opening(pace, bus(), HealthBook.forgetful(clock), clock);
  }

  private static void awaitFault(GpuInventory inventory, String... parts) {
    await()
        .atMost(GpuInventoryContract.LIMIT)
        .untilAsserted(() -> assertThat(inventory.snapshot().fault().orElse("")).contains(parts));
  }

  private PciBus bus() {
    return new PciBus(directory.resolve("pci"));
  }

  /** Puts a device on the bus. */
  private void plugIn(String address, String vendor, String kind) throws IOException {
    Path device = Files.createDirectories(bus().devices().resolve(address));
    Files.writeString(device.resolve("vendor"), vendor + "\n");
    Files.writeString(device.resolve("class"), kind + "\n");
  }

  @Test
  void autoTakesNvmlWhereItFindsADevice() {
    try (GpuInventory inventory =
        open(GpuSettings.Provider.AUTO, FakeNvml.in(directory).library(), TWO)) {
      assertThat(inventory).isInstanceOf(NvmlGpuInventory.class);
      assertThat(inventory.snapshot().devices()).extracting(GpuDevice::uuid).contains(FakeNvml.A);
    }
  }

  @Test
  void autoWithoutALibraryIsNoneAndQuick() {
    long began = System.nanoTime();
    try (GpuInventory inventory =
        GpuInventories.open(
            GpuSettings.of(GpuSettings.Provider.AUTO, ABSENT, List.of()),
            Set.of(),
            opening(LookPace.DEFAULT))) {
      assertThat(inventory).isInstanceOf(NoGpuInventory.class);
      assertThat(inventory.snapshot())
          .isEqualTo(new GpuSnapshot(MovableClock.START, List.of(), Optional.empty()));
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
  }

  /** The driver may be missing, not loaded, or of another version; the card is there. */
  @Test
  void autoWaitsForTheDriverOfACardThatIsOnTheBus() throws Exception {
    plugIn("0000:00:02.0", "0x8086", "0x030000");
    plugIn("0000:3b:00.1", "0x10de", "0x040300"); // the sound of a graphics card
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, List.of())) {
      assertThat(inventory).isInstanceOf(NoGpuInventory.class);
    }
    plugIn("0000:af:00.0", "0x10de", "0x030200");
    plugIn("0000:3b:00.0", "0x10de", "0x030000");
    assertThat(bus().nvidiaGpus()).containsExactly("0000:3b:00.0", "0000:af:00.0");
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, List.of())) {
      assertThat(inventory).isInstanceOf(NvmlGpuInventory.class);
      assertThat(inventory.snapshot().fault()).isPresent();
      assertThat(inventory.snapshot().devices()).isEmpty();
    }
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, TWO)) {
      assertThat(inventory.isSimulated()).isTrue();
    }
  }

  @Test
  void autoWithoutALibraryTakesTheSimulatedOnes() {
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, TWO)) {
      assertThat(inventory.description()).isEqualTo("2 simulated GPUs");
    }
  }

  @Test
  void autoWithoutADriverOrADeviceIsNone() {
    FakeNvml fake = FakeNvml.in(directory).script("driver 1\nnvml 1\n");
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, fake.library(), List.of())) {
      assertThat(inventory.description()).startsWith("no GPUs");
    }
    assertThat(fake.calls("nvmlShutdown")).as("the opened library is shut down").isEqualTo(1);
    fake.removeScript();
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, fake.library(), List.of())) {
      assertThat(inventory.description()).startsWith("no GPUs");
    }
  }

  /** For example, the agent restarts while the driver's package is replaced. */
  @ParameterizedTest
  @ValueSource(strings = {"no library", "not a library", "no driver", "no device"})
  void autoWaitsForNvmlWhereJobsHoldItsDevices(String missing) throws Exception {
    Path library = directory.resolve("libnvidia-ml.so.1");
    switch (missing) {
      case "no library" -> {}
      case "not a library" -> Files.writeString(library, "half");
      case "no driver" -> FakeNvml.in(directory).removeScript();
      default -> FakeNvml.in(directory).script("driver 1\nnvml 1\n");
    }
    try (GpuInventory inventory =
        open(GpuSettings.Provider.AUTO, library.toString(), TWO, Set.of(FakeNvml.A))) {
      assertThat(inventory.snapshot().fault()).isPresent();
      assertThat(inventory.snapshot().devices()).isEmpty();

      Path ready = Files.createDirectory(directory.resolve("ready"));
      FakeNvml.in(ready);
      for (String file : List.of("libnvidia-ml.so.1.script", "libnvidia-ml.so.1")) {
        Files.move(ready.resolve(file), directory.resolve(file), REPLACE_EXISTING, ATOMIC_MOVE);
      }
      await()
          .atMost(GpuInventoryContract.LIMIT)
          .until(() -> inventory.snapshot().fault().isEmpty());
      assertThat(inventory.snapshot().devices()).extracting(GpuDevice::uuid).contains(FakeNvml.A);
    }
  }

  @Test
  void autoTakesTheSimulatedOnesWhereJobsHoldNoOthers() {
    Set<GpuUuid> inUse;
    try (GpuInventory before = open(GpuSettings.Provider.AUTO, ABSENT, TWO)) {
      inUse = Set.of(before.snapshot().devices().getFirst().uuid());
    }
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, TWO, inUse)) {
      assertThat(inventory.description()).isEqualTo("2 simulated GPUs");
    }
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, ABSENT, List.of(), inUse)) {
      assertThat(inventory.snapshot().fault().orElseThrow()).contains(ABSENT);
    }
  }

  /** For example, the driver was updated without a reboot. The machine still has GPUs. */
  @ParameterizedTest
  @ValueSource(ints = {4, 18, 999})
  void autoKeepsNvmlWhereTheDriverIsOutOfOrder(int code) {
    FakeNvml fake =
        FakeNvml.in(directory).script("error nvmlInit " + code + "\n" + FakeNvml.TWO_GPUS);
    try (GpuInventory inventory = open(GpuSettings.Provider.AUTO, fake.library(), TWO)) {
      assertThat(inventory.snapshot().fault().orElseThrow())
          .contains("nvmlInit_v2 of " + fake.library(), "nvmlReturn_t " + code);
      fake.script(FakeNvml.TWO_GPUS);
      await()
          .atMost(GpuInventoryContract.LIMIT)
          .until(() -> inventory.snapshot().fault().isEmpty());
      assertThat(inventory.snapshot().devices()).hasSize(2);
    }
  }

  @Test
  void nvmlIsWaitedForWhereItWasAskedFor() {
    try (GpuInventory inventory = open(GpuSettings.Provider.NVML, ABSENT, TWO)) {
      awaitFault(inventory, ABSENT);
      assertThat(inventory.snapshot().devices()).isEmpty();
    }
  }

  /** A start never waits for a driver that hangs. */
  @Test
  void aStartDoesNotWaitForADriverThatHangs() throws Exception {
    FakeNvml fake = FakeNvml.in(directory).script("hang nvmlInit\n" + FakeNvml.TWO_GPUS);
    plugIn("0000:af:00.0", "0x10de", "0x030200");
    long began = System.nanoTime();
    for (GpuSettings.Provider provider :
        List.of(GpuSettings.Provider.NVML, GpuSettings.Provider.AUTO)) {
      try (GpuInventory inventory = open(provider, fake.library(), List.of())) {
        assertThat(inventory.snapshot().fault().orElseThrow()).contains("is being opened");
        assertThat(inventory.description()).contains("not available yet");
      }
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began))
        .isLessThan(GpuInventories.FIRST_LOOK_LIMIT.plus(NvmlGpuInventory.CLOSE_LIMIT));
    fake.script(FakeNvml.TWO_GPUS);
  }

  @Test
  void simulatedAndNoneDoNotTouchNvml() {
    FakeNvml fake = FakeNvml.in(directory);
    try (GpuInventory simulated = open(GpuSettings.Provider.SIMULATED, fake.library(), TWO);
        GpuInventory none = open(GpuSettings.Provider.NONE, fake.library(), TWO)) {
      assertThat(simulated.snapshot().devices()).hasSize(2);
      assertThat(none.snapshot().devices()).isEmpty();
    }
    assertThat(fake.calls()).isEmpty();
  }

  @Test
  void settingsNameWhatIsWrong() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GpuSettings.of(GpuSettings.Provider.AUTO, " ", List.of()))
        .withMessageStartingWith("gpu.nvml-library: ");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> GpuSettings.of(GpuSettings.Provider.AUTO, ABSENT, List.of("NVIDIA A100", "")))
        .withMessageStartingWith("gpu.simulated[1]: ");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> GpuSettings.of(GpuSettings.Provider.AUTO, ABSENT, Collections.nCopies(257, "x")))
        .withMessageContaining("at most 256 devices, lists 257");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GpuSettings.of(GpuSettings.Provider.SIMULATED, ABSENT, List.of()))
        .withMessageContaining("at least one product name");
    assertThat(GpuSettings.defaults())
        .isEqualTo(GpuSettings.of(GpuSettings.Provider.AUTO, "libnvidia-ml.so.1", List.of()));
  }
}
