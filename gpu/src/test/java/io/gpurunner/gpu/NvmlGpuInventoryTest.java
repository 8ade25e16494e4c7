package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpurunner.gpu.GpuDevice.Presence;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the inventory with the fake library, through JNA. */
class NvmlGpuInventoryTest {
  private static final Duration LIMIT = GpuInventoryContract.LIMIT;
  private static final Duration NEVER = Duration.ofDays(1);

  /** The pace of an inventory that looks often without a request. */
  private static final LookPace BUSY =
      new LookPace(Duration.ofMillis(5), Duration.ofMillis(1), Duration.ofMillis(20), NEVER);

  /** The pace of an inventory that looks only on request. */
  private static final LookPace WHEN_ASKED =
      new LookPace(NEVER, Duration.ofMillis(1), NEVER, NEVER);

  private static final String HEALTHY_A =
      "device " + FakeNvml.A + " NVIDIA GeForce RTX 3090\nmemory 25769803776 0 0\n";
  private static final String HEALTHY_B =
      "device " + FakeNvml.B + " NVIDIA GeForce RTX 3090\nmemory 25769803776 0 0\n";
  private static final String VERSIONS = "driver 535.154.05\nnvml 12.535.154.05\n";

  /** A number that no process can have: the largest is 2^22 (proc_sys_kernel(5), pid_max). */
  private static final int NO_PROCESS = 4_194_305;

  @TempDir private Path directory;
  private final MovableClock clock = new MovableClock();
  private final HealthBook health = HealthBook.forgetful(clock);
  private FakeNvml fake;

  @BeforeEach
  void buildLibrary() {
    fake = FakeNvml.in(directory);
  }

  private NvmlGpuInventory open(LookPace pace) {
    return started(pace, clock);
  }

  private NvmlGpuInventory started(LookPace pace, Clock of) {
    NvmlGpuInventory inventory = start(fake.library(), pace, of);
    inventory.awaitFirstLook(LIMIT);
    return inventory;
  }

  private NvmlGpuInventory start(String library, LookPace pace, Clock of) {
    return NvmlGpuInventory.start(
        GpuSettings.of(GpuSettings.Provider.NVML, library, List.of()), pace, bus(), health, of);
  }

  private PciBus bus() {
    return new PciBus(directory.resolve("pci"));
  }

  private static GpuSnapshot awaitSnapshot(GpuInventory inventory, Predicate<GpuSnapshot> wanted) {
    return await().atMost(LIMIT).until(inventory::snapshot, wanted);
  }

  private static GpuDevice device(GpuSnapshot snapshot, GpuUuid uuid) {
    return snapshot.devices().stream()
        .filter(device -> device.uuid().equals(uuid))
        .findFirst()
        .orElseThrow(() -> new AssertionError(uuid + " is not in " + snapshot));
  }

  private static GpuSnapshot awaitPresence(
      GpuInventory inventory, GpuUuid uuid, Presence presence) {
    return awaitSnapshot(
        inventory,
        snapshot -> snapshot.fault().isEmpty() && device(snapshot, uuid).presence() == presence);
  }

  private static GpuSnapshot awaitFault(GpuInventory inventory, String part) {
    return awaitSnapshot(inventory, snapshot -> snapshot.fault().orElse("").contains(part));
  }

  private static GpuSnapshot awaitGood(GpuInventory inventory) {
    return awaitSnapshot(inventory, snapshot -> snapshot.fault().isEmpty());
  }

  @Nested
  class Contract extends GpuInventoryContract {
    @Override
    GpuInventory open(Clock clock) {
      return started(WHEN_ASKED, clock);
    }
  }

  @Test
  void namesTheVersions() {
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      assertThat(inventory.description()).isEqualTo("NVML 12.535.154.05, driver 535.154.05");
    }
  }

  @Test
  void eachDeviceIsReadByAThreadOfItsOwn() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      inventory.requestLook();
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > 3);
    }
    List<String> calls = fake.calls();
    assertThat(calls.getFirst()).startsWith("nvmlInit ");
    assertThat(calls.getLast()).startsWith("nvmlShutdown ");
    assertThat(threadsOf(calls, "nvmlInit", "nvmlDeviceGetCount", "nvmlShutdown")).hasSize(1);
    assertThat(threadsOf(calls, "nvmlDeviceGetUUID", "nvmlDeviceGetMemoryInfo")).hasSize(2);
  }

  private static Set<String> threadsOf(List<String> calls, String... functions) {
    return calls.stream()
        .map(call -> call.split(" ", 2))
        .filter(call -> List.of(functions).contains(call[0]))
        .map(call -> call[1])
        .collect(Collectors.toSet());
  }

  @Test
  void processesAndMemoryOfOthersMakeADeviceUnfit() {
    fake.script(VERSIONS + HEALTHY_A + "process 4242 1048576\n" + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      GpuSnapshot snapshot = inventory.snapshot();
      assertThat(DeviceFitness.fitDevices(snapshot))
          .extracting(GpuDevice::uuid)
          .containsExactly(FakeNvml.B);
      assertThat(DeviceFitness.unfitReason(device(snapshot, FakeNvml.A)).orElseThrow())
          .contains("process 4242");
    }
  }

  @Test
  void aProcessIsNamedAsTheKernelKnowsIt() {
    long pid = ProcessHandle.current().pid();
    fake.script(VERSIONS + HEALTHY_A + "process " + pid + " 1048576\n");
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () -> {
                inventory.requestLook();
                assertThat(
                        DeviceFitness.unfitReason(device(inventory.snapshot(), FakeNvml.A))
                            .orElseThrow())
                    .contains(
                        "used by process " + pid + " (", " of " + System.getProperty("user.name"))
                    .endsWith(", 1 MiB)");
              });
    }
  }

  @Test
  void aDeviceInMigModeIsListedWithAFaultAndItsTrueLoad() {
    fake.script(VERSIONS + HEALTHY_A + "mig on\nprocess 4194305 1\n" + HEALTHY_B + "mig off\n");
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      GpuDevice mig = device(inventory.snapshot(), FakeNvml.A);
      assertThat(mig.fault().orElseThrow()).contains("MIG mode is on");
      assertThat(mig.presence()).isEqualTo(Presence.READABLE);
      assertThat(mig.processes()).containsExactly(new GpuProcess(NO_PROCESS, 1));
      assertThat(DeviceFitness.fitDevices(inventory.snapshot()))
          .extracting(GpuDevice::uuid)
          .containsExactly(FakeNvml.B);
    }
  }

  @Test
  void aLostDeviceKeepsItsIdentityAndHoldsNoLease() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      Instant gone = clock.instant();
      clock.advance(Duration.ofMillis(1));
      fake.script(
          VERSIONS
              + HEALTHY_A
              + "error nvmlDeviceGetHandleByIndex 15\nprocess 4194305 1\n"
              + HEALTHY_B);
      GpuSnapshot snapshot =
          awaitSnapshot(
              inventory,
              now -> now.at().isAfter(gone) && device(now, FakeNvml.A).presence() == Presence.LOST);
      GpuDevice lost = device(snapshot, FakeNvml.A);
      assertThat(lost.ordinal()).isEqualTo(0);
      assertThat(lost.name()).isEqualTo("NVIDIA GeForce RTX 3090");
      assertThat(lost.memory().total()).hasValue(25769803776L);
      assertThat(lost.fault().orElseThrow()).contains("GPU 0", "GPU is lost", "dmesg");
      assertThat(snapshot.devices())
          .extracting(GpuDevice::uuid)
          .as("the lost device comes last")
          .containsExactly(FakeNvml.B, FakeNvml.A);
      assertThat(DeviceFitness.stillBusyReason(snapshot, FakeNvml.A, gone)).isEmpty();
      assertThat(DeviceFitness.fitDevices(snapshot))
          .extracting(GpuDevice::uuid)
          .containsExactly(FakeNvml.B);
    }
  }

  @Test
  void anUnreadableDeviceKeepsWhatWasLastKnownAndItsLease() {
    fake.script(VERSIONS + HEALTHY_A + "process 4194305 1\n" + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      Instant gone = clock.instant();
      clock.advance(Duration.ofMillis(1));
      fake.script(
          VERSIONS + HEALTHY_A + "error nvmlDeviceGetComputeRunningProcesses 10\n" + HEALTHY_B);
      GpuSnapshot snapshot =
          awaitSnapshot(
              inventory,
              now ->
                  now.at().isAfter(gone)
                      && device(now, FakeNvml.A).presence() == Presence.UNREADABLE);
      assertThat(device(snapshot, FakeNvml.A).processes())
          .containsExactly(new GpuProcess(NO_PROCESS, 1));
      assertThat(DeviceFitness.stillBusyReason(snapshot, FakeNvml.A, gone)).isPresent();
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      GpuSnapshot healed = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(DeviceFitness.stillBusyReason(healed, FakeNvml.A, gone)).isEmpty();
    }
  }

  @Test
  void aDeviceThatIsLostFromTheStartIsShownAndNeverHandedOut() {
    fake.script(VERSIONS + HEALTHY_A + "error nvmlDeviceGetUUID 15\n" + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      GpuSnapshot snapshot = inventory.snapshot();
      assertThat(snapshot.devices()).hasSize(2);
      GpuDevice unidentified = snapshot.devices().getLast();
      assertThat(unidentified.uuid().value()).isEqualTo("GPU-unidentified-0");
      assertThat(unidentified.presence()).isEqualTo(Presence.LOST);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      assertThat(awaitPresence(inventory, FakeNvml.B, Presence.READABLE).fault()).isEmpty();
      GpuSnapshot healed =
          awaitSnapshot(inventory, now -> now.devices().getFirst().uuid().equals(FakeNvml.A));
      assertThat(healed.devices()).as("the unidentified device is forgotten").hasSize(2);
    }
  }

  @Test
  void twoDevicesOfOneUuidAreNotBothHandedOut() {
    fake.script(VERSIONS + HEALTHY_A + HEALTHY_A);
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      assertThat(inventory.snapshot().devices()).hasSize(2);
      assertThat(DeviceFitness.fitDevices(inventory.snapshot())).hasSize(1);
    }
  }

  @Test
  void aFailedEnumerationKeepsTheDevicesAndRecovers() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script("error nvmlDeviceGetCount 999\n" + FakeNvml.TWO_GPUS);
      GpuSnapshot failed = awaitFault(inventory, "nvmlDeviceGetCount_v2 failed");
      assertThat(failed.devices()).extracting(GpuDevice::uuid).contains(FakeNvml.A, FakeNvml.B);
      assertThat(DeviceFitness.fitDevices(failed)).isEmpty();
      fake.script(FakeNvml.TWO_GPUS);
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
  }

  @Test
  void aReloadedDriverIsOpenedAnew() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script("error nvmlDeviceGetUUID 1\n" + FakeNvml.TWO_GPUS);
      awaitFault(inventory, "nvmlDeviceGetUUID of GPU 0");
      fake.removeScript();
      awaitFault(inventory, "Driver Not Loaded");
      fake.script(FakeNvml.TWO_GPUS.replace("535.154.05", "550.54.14"));
      assertThat(awaitGood(inventory).devices()).hasSize(2);
      assertThat(inventory.description()).isEqualTo("NVML 12.550.54.14, driver 550.54.14");
    }
  }

  @Test
  void aDeviceGoneAfterAReloadStaysAsLost() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script("error nvmlDeviceGetCount 1\n" + VERSIONS + HEALTHY_B);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(VERSIONS + HEALTHY_B);
      GpuSnapshot snapshot = awaitPresence(inventory, FakeNvml.A, Presence.LOST);
      assertThat(device(snapshot, FakeNvml.A).fault().orElseThrow()).contains("no longer lists");
      assertThat(device(snapshot, FakeNvml.B).ordinal()).isEqualTo(0);
    }
  }

  @Test
  void allDevicesGoneIsNotNoDevices() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script("error nvmlDeviceGetCount 1\n" + VERSIONS);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(VERSIONS);
      GpuSnapshot snapshot = awaitGood(inventory);
      assertThat(snapshot.devices())
          .hasSize(2)
          .allMatch(device -> device.presence() == Presence.LOST);
    }
  }

  @Test
  void aDeviceMissingBesideOneThatDoesNotTellItsUuidIsNotCalledLost() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script("error nvmlDeviceGetCount 1\n" + VERSIONS + HEALTHY_B);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(VERSIONS + HEALTHY_B + "error nvmlDeviceGetUUID 999\n");
      awaitGood(inventory);
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 2);
      GpuSnapshot snapshot = inventory.snapshot();
      assertThat(device(snapshot, FakeNvml.A).presence()).isEqualTo(Presence.UNREADABLE);
      assertThat(device(snapshot, FakeNvml.B).presence()).isEqualTo(Presence.UNREADABLE);
      fake.script(VERSIONS + HEALTHY_B);
      awaitPresence(inventory, FakeNvml.A, Presence.LOST);
    }
  }

  @Test
  void aSessionWithALostDeviceIsOpenedAnewInTime() {
    LookPace pace =
        new LookPace(BUSY.interval(), BUSY.shortest(), BUSY.longestBackoff(), Duration.ZERO);
    fake.script(VERSIONS + HEALTHY_A + "error nvmlDeviceGetUUID 15\n" + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(pace)) {
      assertThat(inventory.snapshot().devices()).hasSize(2);
      await().atMost(LIMIT).until(() -> fake.calls("nvmlInit") > 2);
      assertThat(inventory.snapshot().fault()).isEmpty();
    }
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(fake.calls("nvmlInit"));
  }

  @Test
  void aMissingLibraryIsAFaultUntilItIsInstalled() throws Exception {
    Path later = directory.resolve("later");
    Path library = later.resolve("libnvidia-ml.so.1");
    try (NvmlGpuInventory inventory = start(library.toString(), BUSY, clock)) {
      assertThat(inventory.awaitFirstLook(LIMIT).orElseThrow().kind())
          .isEqualTo(GpuException.Kind.LIBRARY_NOT_FOUND);
      assertThat(inventory.snapshot().fault().orElseThrow())
          .contains(library.toString(), "No such file", "install the NVIDIA driver");
      assertThat(inventory.snapshot().devices()).isEmpty();
      assertThat(inventory.description()).contains("not available yet");
      Files.createDirectories(later);
      FakeNvml.in(later);
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
  }

  /** Containers get the new library, which does not work with the kernel's old driver. */
  @Test
  void aReplacedLibraryIsOpenedAnew() throws Exception {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      Path library = Path.of(fake.library());
      Path update = directory.resolve("update");
      Files.copy(library, update);
      fake.script("error nvmlInit 18\n" + FakeNvml.TWO_GPUS);
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 2);
      assertThat(inventory.snapshot().fault()).as("the old library works").isEmpty();
      Files.move(update, library, StandardCopyOption.ATOMIC_MOVE);
      awaitFault(inventory, "the driver was updated while its old kernel module stays loaded");
      fake.script(FakeNvml.TWO_GPUS);
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
  }

  @Test
  void theNumberOfTheDeviceNodeIsTold() {
    fake.script(
        VERSIONS + HEALTHY_A + "minor 3\n" + HEALTHY_B + "error nvmlDeviceGetMinorNumber 3\n");
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      assertThat(device(inventory.snapshot(), FakeNvml.A).minor()).hasValue(3);
      assertThat(device(inventory.snapshot(), FakeNvml.B).minor()).isEmpty();
      assertThat(device(inventory.snapshot(), FakeNvml.B).fault()).isEmpty();
    }
  }

  @Test
  void aMachineWithoutDevicesIsAFault() {
    fake.script(VERSIONS);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      assertThat(inventory.snapshot().fault().orElseThrow()).contains("lists no GPU", "lspci");
      fake.script(FakeNvml.TWO_GPUS);
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
  }

  @Test
  void aDriverThatHangsIsAFaultAfterTheStallLimit() {
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      clock.advance(NEVER.plus(NvmlGpuInventory.STALL_LIMIT));
      assertThat(inventory.snapshot().fault()).isEmpty();
      clock.advance(Duration.ofMillis(1));
      GpuSnapshot stale = inventory.snapshot();
      assertThat(stale.fault().orElseThrow()).contains("no look at the GPUs has ended since");
      assertThat(stale.devices()).hasSize(2);
      inventory.requestLook();
      awaitGood(inventory);
    }
  }

  @Test
  void aSnapshotDoesNotWaitForTheDriver() {
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      fake.script("delay nvmlDeviceGetCount 1500\n" + FakeNvml.TWO_GPUS);
      clock.advance(Duration.ofMillis(1));
      inventory.requestLook();
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") == 2);
      long began = System.nanoTime();
      assertThat(inventory.snapshot().at()).isEqualTo(MovableClock.START);
      inventory.requestLook();
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(1));
    }
    assertThat(fake.calls().getLast()).as("close waits").startsWith("nvmlShutdown ");
  }

  /** A request during a look may be about something that happened after the look began. */
  @Test
  void aRequestDuringALookIsFollowedByAnotherLook() {
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      fake.script("delay nvmlDeviceGetCount 300\n" + FakeNvml.TWO_GPUS);
      inventory.requestLook();
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") == 2);
      clock.advance(Duration.ofMillis(1));
      inventory.requestLook();
      awaitSnapshot(inventory, now -> now.at().isAfter(MovableClock.START));
      assertThat(fake.calls("nvmlDeviceGetCount")).isEqualTo(3);
    }
  }

  @Test
  void manyRequestsAreFewLooksAndClosingAmongThemIsClean() throws Exception {
    int askers = 8;
    int requests = 2000;
    NvmlGpuInventory inventory = open(WHEN_ASKED);
    fake.script("delay nvmlDeviceGetCount 20\n" + FakeNvml.TWO_GPUS);
    CountDownLatch halfway = new CountDownLatch(askers);
    List<Thread> threads =
        IntStream.range(0, askers)
            .mapToObj(
                asker ->
                    Thread.ofVirtual()
                        .start(
                            () -> {
                              for (int request = 0; request < requests; request++) {
                                inventory.requestLook();
                                assertThat(inventory.snapshot().devices()).hasSize(2);
                                if (request == requests / 2) {
                                  halfway.countDown();
                                }
                              }
                            }))
            .toList();
    halfway.await();
    List<Thread> closers =
        List.of(
            Thread.ofVirtual().start(inventory::close), Thread.ofVirtual().start(inventory::close));
    for (Thread thread : threads) {
      assertThat(thread.join(LIMIT)).isTrue();
    }
    for (Thread thread : closers) {
      assertThat(thread.join(LIMIT)).isTrue();
    }
    assertThat(fake.calls("nvmlDeviceGetCount")).isLessThan(askers * requests / 10);
    assertThat(fake.calls("nvmlInit")).isEqualTo(1);
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(1);
    assertThat(fake.calls().getLast()).startsWith("nvmlShutdown ");
  }

  // ---- a driver that hangs

  /** A device whose calls do not return is unfit, and the others go on. */
  @Test
  void aHangOfOneDeviceMakesOnlyThatOneUnfit() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "hang nvmlDeviceGetMemoryInfo\n" + HEALTHY_B);
      GpuSnapshot hanging = awaitPresence(inventory, FakeNvml.A, Presence.UNREADABLE);
      assertThat(device(hanging, FakeNvml.A).fault().orElseThrow())
          .contains("the driver has not answered for GPU 0 since ", "it hangs; see dmesg");
      assertThat(DeviceFitness.fitDevices(hanging))
          .extracting(GpuDevice::uuid)
          .containsExactly(FakeNvml.B);
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 20);
      assertThat(inventory.lookTook())
          .as("later looks do not wait for it")
          .isLessThan(NvmlGpuInventory.DEVICE_LIMIT);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
    }
    assertThat(fake.calls("nvmlInit")).isEqualTo(1);
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(1);
  }

  /** To unload a library while one of its functions runs ends the process. */
  @Test
  void aSessionIsNotClosedWhileACallHangs() {
    NvmlGpuInventory inventory = open(BUSY);
    fake.script(VERSIONS + HEALTHY_A + "hang nvmlDeviceGetMemoryInfo\n" + HEALTHY_B);
    awaitPresence(inventory, FakeNvml.A, Presence.UNREADABLE);
    fake.script(
        VERSIONS
            + HEALTHY_A
            + "hang nvmlDeviceGetMemoryInfo\n"
            + HEALTHY_B
            + "error nvmlDeviceGetUUID 1\n");
    awaitFault(inventory, "a call for GPU 0 does not return");
    assertThat(fake.calls("nvmlShutdown")).isZero();
    fake.script(FakeNvml.TWO_GPUS);
    assertThat(awaitGood(inventory).devices()).hasSize(2);
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(1);
    inventory.close();
  }

  @Test
  void closingDoesNotWaitForADriverThatHangs() {
    NvmlGpuInventory inventory = open(BUSY);
    fake.script("hang nvmlDeviceGetCount\n" + FakeNvml.TWO_GPUS);
    long calls = fake.calls("nvmlDeviceGetCount");
    await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > calls);
    long began = System.nanoTime();
    inventory.close();
    assertThat(Duration.ofNanos(System.nanoTime() - began))
        .isLessThan(NvmlGpuInventory.CLOSE_LIMIT.plusSeconds(3));
    fake.script(FakeNvml.TWO_GPUS);
  }

  // ---- the unknown error

  @Test
  void anUnknownErrorIsFollowedByANewSessionAndThenTheDeviceIsLost() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "error nvmlDeviceGetUUID 999\n" + HEALTHY_B);
      GpuSnapshot lost = awaitPresence(inventory, FakeNvml.A, Presence.LOST);
      assertThat(device(lost, FakeNvml.A).fault().orElseThrow())
          .contains("nvmlDeviceGetUUID of GPU 0", "a new session with NVML did not help");
      assertThat(device(lost, FakeNvml.B).presence()).isEqualTo(Presence.READABLE);
      assertThat(fake.calls("nvmlInit")).isEqualTo(2);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
    }
  }

  /** Some errors last until NVML was shut down, whatever the device does. */
  @Test
  void anErrorThatLastsAsLongAsTheSessionIsHealedByANewOne() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "stick 1 999\n" + HEALTHY_B);
      await().atMost(LIMIT).until(() -> fake.calls("nvmlInit") == 2);
      GpuSnapshot healed = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(device(healed, FakeNvml.A).isSound()).isTrue();
      assertThat(fake.calls("nvmlInit")).isEqualTo(2);
    }
  }

  // ---- what is there

  @Test
  void aCardThatNvmlDoesNotListIsShownAsDead() throws Exception {
    for (String address : List.of("0000:3b:00.0", "0000:af:00.0")) {
      Path card = Files.createDirectories(bus().devices().resolve(address));
      Files.writeString(card.resolve("vendor"), "0x10de\n");
      Files.writeString(card.resolve("class"), "0x030200\n");
    }
    fake.script(VERSIONS + HEALTHY_A + "pci 00000000:3B:00.0\n");
    try (NvmlGpuInventory inventory = open(BUSY)) {
      GpuDevice dead = device(inventory.snapshot(), new GpuUuid("GPU-unidentified-0000:af:00.0"));
      assertThat(dead.presence()).isEqualTo(Presence.LOST);
      assertThat(dead.details().busId()).contains("0000:af:00.0");
      assertThat(DeviceFitness.unfitReason(dead).orElseThrow())
          .startsWith("GPU at 0000:af:00.0: it is on the PCI bus, but NVML does not list it");
      assertThat(inventory.snapshot().devices()).hasSize(2);
      fake.script(VERSIONS + HEALTHY_A + "pci 00000000:3B:00.0\n" + HEALTHY_B);
      fake.script("error nvmlDeviceGetCount 1\n" + VERSIONS);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(
          VERSIONS + HEALTHY_A + "pci 00000000:3B:00.0\n" + HEALTHY_B + "pci 00000000:AF:00.0\n");
      GpuSnapshot healed =
          awaitSnapshot(
              inventory,
              now -> now.fault().isEmpty() && now.devices().stream().allMatch(GpuDevice::isSound));
      assertThat(healed.devices()).hasSize(2);
    }
  }

  /** GB10 and Jetson have no memory of their own. */
  @Test
  void aDeviceThatSharesTheHostsMemoryIsUsable() {
    fake.script(VERSIONS + "device " + FakeNvml.A + " NVIDIA GB10\nmemory unsupported\n");
    try (NvmlGpuInventory inventory = open(BUSY)) {
      GpuDevice device = device(inventory.snapshot(), FakeNvml.A);
      assertThat(DeviceFitness.unfitReason(device)).isEmpty();
      assertThat(device.memory().shared()).isTrue();
      assertThat(device.memory().total()).isEqualTo(HostMemory.now().total());
      fake.script(
          VERSIONS
              + "device "
              + FakeNvml.A
              + " NVIDIA GB10\nmemory unsupported\nprocess 4194305 -\n");
      awaitSnapshot(inventory, now -> DeviceFitness.fitDevices(now).isEmpty());
    }
  }

  @Test
  void detailsAreShownAndAbsentOnesAreAbsent() {
    fake.script(
        VERSIONS
            + HEALTHY_A
            + "fact power 250000\nfact ecc 0\nfact energy 7\npci 00000000:3B:00.0\n"
            + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      GpuDetails details = device(inventory.snapshot(), FakeNvml.A).details();
      assertThat(details.facts())
          .isEqualTo(
              Map.of(
                  GpuFact.MINOR,
                  0L,
                  GpuFact.POWER_MILLIWATTS,
                  250_000L,
                  GpuFact.ECC_MODE,
                  0L,
                  GpuFact.ENERGY_MILLIJOULES,
                  7L));
      assertThat(details.get(GpuFact.TEMPERATURE_CELSIUS)).isEmpty();
      fake.script(VERSIONS + HEALTHY_A + "fact ecc 1\nfact power 1\n" + HEALTHY_B);
      GpuDetails later =
          device(
                  awaitSnapshot(
                      inventory, now -> device(now, FakeNvml.A).details().is(GpuFact.ECC_MODE, 1)),
                  FakeNvml.A)
              .details();
      assertThat(later.get(GpuFact.POWER_MILLIWATTS))
          .as("what is only shown is read every 5 s")
          .hasValue(250_000);
    }
  }

  @Test
  void theTimeSinceWhichADeviceIsSoundChangesWithEachFault() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      Instant first = device(inventory.snapshot(), FakeNvml.A).soundSince();
      clock.advance(Duration.ofSeconds(1));
      fake.script(VERSIONS + HEALTHY_A + "error nvmlDeviceGetHandleByIndex 15\n" + HEALTHY_B);
      awaitPresence(inventory, FakeNvml.A, Presence.LOST);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      GpuSnapshot healed = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(device(healed, FakeNvml.A).soundSince()).isAfter(first);
      assertThat(device(healed, FakeNvml.B).soundSince()).isEqualTo(first);
    }
  }

  // ---- settings that make a device useless

  @ParameterizedTest
  @CsvSource({
    "fact compute-mode 2, its compute mode is",
    "fact fabric-state 1, CUDA error 802",
    "fact fabric-state 2, CUDA error 802",
    "mig on, MIG mode is on"
  })
  void aSettingThatMakesADeviceUselessIsAFault(String setting, String words) {
    fake.script(VERSIONS + HEALTHY_A + setting + "\n" + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      assertThat(device(inventory.snapshot(), FakeNvml.A).fault().orElseThrow()).contains(words);
      fake.script(VERSIONS + HEALTHY_A + "fact compute-mode 3\nfact fabric-state 3\n" + HEALTHY_B);
      awaitSnapshot(inventory, now -> device(now, FakeNvml.A).isSound());
    }
  }

  // ---- a desktop

  @Test
  void aDesktopsProcessesAndMemoryDoNotBlockItsGpu() {
    long pid = ProcessHandle.current().pid();
    String command = ProcessFacts.of((int) pid, new UserNames()).orElseThrow().command();
    GpuSettings settings =
        new GpuSettings(
            GpuSettings.Provider.NVML,
            fake.library(),
            List.of(),
            OptionalLong.of(100L << 20),
            List.of(command));
    String drawing = "graphics " + pid + " " + (300L << 20) + "\n";
    fake.script(VERSIONS + HEALTHY_A.replace(" 0 0\n", " 0 " + (350L << 20) + "\n") + drawing);
    try (NvmlGpuInventory inventory =
        NvmlGpuInventory.start(settings, BUSY, bus(), health, clock)) {
      inventory.awaitFirstLook(LIMIT);
      GpuDevice desktop = device(inventory.snapshot(), FakeNvml.A);
      assertThat(DeviceFitness.unfitReason(desktop)).isEmpty();
      assertThat(desktop.processes()).as("it is shown").hasSize(1);
      // The same program computes: its name frees nothing.
      fake.script(VERSIONS + HEALTHY_A + "process " + pid + " 1\n");
      awaitSnapshot(inventory, now -> DeviceFitness.fitDevices(now).isEmpty());
      // It draws, and more memory is in use than it holds.
      fake.script(VERSIONS + HEALTHY_A.replace(" 0 0\n", " 0 " + (450L << 20) + "\n") + drawing);
      awaitSnapshot(
          inventory,
          now ->
              DeviceFitness.unfitReason(device(now, FakeNvml.A))
                  .orElse("")
                  .contains("450 MiB of its memory are in use with no process listed"));
    }
  }

  // ---- errors of the driver

  @Test
  void anErrorPutsOnlyItsDeviceInQuarantine() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "xid 1 48\n" + HEALTHY_B + "xid 2 31\n");
      GpuSnapshot snapshot =
          awaitSnapshot(
              inventory,
              now -> device(now, FakeNvml.A).health().state() == GpuHealth.State.QUARANTINED);
      assertThat(DeviceFitness.unfitReason(device(snapshot, FakeNvml.A)).orElseThrow())
          .contains("quarantined: XID 48 (", "gpurunner gpus release-driver");
      awaitSnapshot(inventory, now -> !device(now, FakeNvml.B).details().xids().isEmpty());
      assertThat(device(inventory.snapshot(), FakeNvml.B).health().state())
          .as("XID 31 is the program's own fault")
          .isEqualTo(GpuHealth.State.HEALTHY);
    }
  }

  @Test
  void manyErrorsOfADeviceAreFewInMemory() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      String errors =
          IntStream.rangeClosed(1, 400)
              .mapToObj(sequence -> "xid " + sequence + " 31\n")
              .collect(Collectors.joining());
      fake.script(VERSIONS + HEALTHY_A + errors + "xid 401 43\n" + HEALTHY_B);
      GpuSnapshot all =
          awaitSnapshot(
              inventory,
              now ->
                  device(now, FakeNvml.A).details().xids().stream()
                      .anyMatch(xid -> xid.number() == 43));
      assertThat(device(all, FakeNvml.A).details().xids()).hasSize(GpuDetails.MOST_XIDS);
    }
  }

  /** A program can cause any number of errors of its own in the second of a bad one. */
  @Test
  void aFloodOfAProgramsErrorsHidesNoDamage() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      String flood =
          IntStream.rangeClosed(2, 200)
              .mapToObj(sequence -> "xid " + sequence + " 45\n")
              .collect(Collectors.joining());
      fake.script(VERSIONS + HEALTHY_A + "xid 1 48\n" + flood + HEALTHY_B);
      awaitSnapshot(
          inventory,
          now ->
              DeviceFitness.whyUnusable(device(now, FakeNvml.A))
                  .orElse("")
                  .contains("quarantined: XID 48 ("));
    }
  }

  /** The reset is what ends its hold, so the hold must be there before. */
  @Test
  void anErrorOfADeviceThatCannotBeReadIsNotForgotten() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "xid 1 48\nerror nvmlDeviceGetName 16\n" + HEALTHY_B);
      awaitSnapshot(
          inventory,
          now ->
              device(now, FakeNvml.A).presence() == Presence.LOST
                  && device(now, FakeNvml.A).health().state() == GpuHealth.State.QUARANTINED);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      GpuSnapshot reset = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(device(reset, FakeNvml.A).health().state()).isEqualTo(GpuHealth.State.RECOVERING);
    }
  }

  @Test
  void aDeviceThatIsLostForAnUnknownErrorWasNotReset() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "xid 1 119\nerror nvmlDeviceGetName 999\n" + HEALTHY_B);
      awaitPresence(inventory, FakeNvml.A, Presence.LOST);
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B);
      GpuSnapshot back = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(device(back, FakeNvml.A).health().state()).isEqualTo(GpuHealth.State.QUARANTINED);
    }
  }

  /** A call that fails once says nothing of the device. */
  @Test
  void aFactThatCannotBeReadOnceStaysAsItWas() {
    String failed = VERSIONS + HEALTHY_A + "fact remap-pending 0\nfact remap-failed 1\n";
    fake.script(failed + HEALTHY_B);
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(failed + "error nvmlDeviceGetRemappedRows 999\n" + HEALTHY_B);
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 5);
      assertThat(device(inventory.snapshot(), FakeNvml.A).health().state())
          .isEqualTo(GpuHealth.State.QUARANTINED);
    }
  }

  // ---- one trouble must not become another one's

  /** A new session for one device would need the end of the old one, which all devices use. */
  @Test
  void aHangAndALostDeviceTogetherTakeNoThirdAlong() {
    GpuUuid third = new GpuUuid("GPU-cccccccc-0000-0000-0000-000000000000");
    String healthyC = "device " + third + " NVIDIA GeForce RTX 3090\nmemory 25769803776 0 0\n";
    fake.script(VERSIONS + HEALTHY_A + HEALTHY_B + healthyC);
    LookPace pace =
        new LookPace(BUSY.interval(), BUSY.shortest(), BUSY.longestBackoff(), Duration.ZERO);
    try (NvmlGpuInventory inventory = open(pace)) {
      fake.script(
          VERSIONS
              + HEALTHY_A
              + "hang nvmlDeviceGetMemoryInfo\n"
              + HEALTHY_B
              + "error nvmlDeviceGetUUID 15\n"
              + healthyC);
      awaitPresence(inventory, FakeNvml.A, Presence.UNREADABLE);
      awaitPresence(inventory, FakeNvml.B, Presence.LOST);
      inventory.releaseDriver(Optional.of(FakeNvml.B));
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 5);
      assertThat(DeviceFitness.fitDevices(inventory.snapshot()))
          .extracting(GpuDevice::uuid)
          .containsExactly(third);
      assertThat(inventory.isReleased(Optional.of(FakeNvml.B)))
          .as("the session still has its handle")
          .isFalse();
      fake.script(VERSIONS + HEALTHY_A + HEALTHY_B + healthyC);
      await().atMost(LIMIT).until(() -> inventory.isReleased(Optional.of(FakeNvml.B)));
    }
  }

  /** A card that another driver has must not cost a new session every minute. */
  @Test
  void aDeadCardCostsNoNewSessionUntilTheBusChanges() throws Exception {
    LookPace pace =
        new LookPace(BUSY.interval(), BUSY.shortest(), BUSY.longestBackoff(), Duration.ZERO);
    for (String address : List.of("0000:3b:00.0", "0000:af:00.0")) {
      Path card = Files.createDirectories(bus().devices().resolve(address));
      Files.writeString(card.resolve("vendor"), "0x10de\n");
      Files.writeString(card.resolve("class"), "0x030200\n");
    }
    Path vfio = Files.createDirectories(directory.resolve("vfio-pci"));
    Files.createSymbolicLink(bus().devices().resolve("0000:af:00.0/driver"), vfio);
    fake.script(VERSIONS + HEALTHY_A + "pci 00000000:3B:00.0\n");
    try (NvmlGpuInventory inventory = open(pace)) {
      assertThat(inventory.snapshot().devices().getLast().fault().orElseThrow())
          .contains("bound to the driver vfio-pci");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > 10);
      assertThat(fake.calls("nvmlInit")).isEqualTo(1);
      Files.delete(bus().devices().resolve("0000:af:00.0/driver"));
      fake.script(
          VERSIONS + HEALTHY_A + "pci 00000000:3B:00.0\n" + HEALTHY_B + "pci 00000000:AF:00.0\n");
      awaitSnapshot(inventory, now -> now.devices().stream().allMatch(GpuDevice::isSound));
      assertThat(fake.calls("nvmlInit")).isEqualTo(2);
    }
  }

  /** If the events cannot be freed, the library is unloaded without a shutdown of the session. */
  @Test
  void aVoidSessionWhoseEventsCannotBeFreedIsClosed() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(
          "error nvmlDeviceGetCount 1\nerror nvmlEventSetFree 1\nerror nvmlEventSetWait 1\n"
              + FakeNvml.TWO_GPUS);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(FakeNvml.TWO_GPUS);
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(fake.calls("nvmlInit"));
  }

  // ---- an administrator needs the driver

  @Test
  void theDriverIsLetGoOfAndTakenAgain() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      assertThat(inventory.isReleased(Optional.empty())).isFalse();
      inventory.releaseDriver(Optional.empty());
      awaitFault(inventory, "gpurunner gpus take");
      assertThat(inventory.awaitRelease(Optional.empty(), LIMIT)).isTrue();
      assertThat(inventory.isReleased(Optional.empty())).isTrue();
      assertThat(fake.calls("nvmlShutdown")).isEqualTo(fake.calls("nvmlInit"));
      inventory.takeDriver();
      assertThat(awaitGood(inventory).devices()).hasSize(2);
    }
  }

  /** A released device is known by its UUID, and not by its place in the list. */
  @Test
  void aReleasedDeviceIsNotHandedOutWhenTheNumbersChange() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      inventory.releaseDriver(Optional.of(FakeNvml.B));
      assertThat(DeviceFitness.fitDevices(inventory.snapshot()))
          .as("at once")
          .extracting(GpuDevice::uuid)
          .doesNotContain(FakeNvml.B);
      await().atMost(LIMIT).until(() -> inventory.isReleased(Optional.of(FakeNvml.B)));
      fake.script("error nvmlDeviceGetCount 1\n" + VERSIONS + HEALTHY_B);
      awaitFault(inventory, "nvmlDeviceGetCount_v2");
      fake.script(VERSIONS + HEALTHY_B);
      awaitGood(inventory);
      long looks = fake.calls("nvmlDeviceGetCount");
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > looks + 3);
      assertThat(DeviceFitness.fitDevices(inventory.snapshot())).isEmpty();
      inventory.keepDriver(Optional.of(FakeNvml.B));
      awaitPresence(inventory, FakeNvml.B, Presence.READABLE);
    }
  }

  @Test
  void oneDeviceIsLetGoOfAndTheOthersAreReadOn() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      fake.script(VERSIONS + HEALTHY_A + "xid 1 119\n" + HEALTHY_B);
      awaitSnapshot(inventory, now -> !device(now, FakeNvml.A).health().isUsable());
      inventory.releaseDriver(Optional.of(FakeNvml.A));
      await().atMost(LIMIT).until(() -> inventory.isReleased(Optional.of(FakeNvml.A)));
      assertThat(inventory.isReleased(Optional.of(FakeNvml.B))).isFalse();
      GpuSnapshot released = awaitPresence(inventory, FakeNvml.A, Presence.UNREADABLE);
      assertThat(device(released, FakeNvml.A).fault().orElseThrow())
          .contains("gpurunner gpus take");
      assertThat(device(released, FakeNvml.B).isSound()).isTrue();
      fake.script("log " + directory.resolve("touched") + "\n" + VERSIONS + HEALTHY_A + HEALTHY_B);
      await().atMost(LIMIT).until(() -> Files.exists(directory.resolve("touched")));
      inventory.takeDriver();
      GpuSnapshot back = awaitPresence(inventory, FakeNvml.A, Presence.READABLE);
      assertThat(device(back, FakeNvml.A).health().state())
          .as("it was reset meanwhile")
          .isEqualTo(GpuHealth.State.RECOVERING);
    }
  }

  @Test
  void backoffDoublesUpToItsLimit() {
    assertThat(LookPace.DEFAULT.backoff(1)).isEqualTo(Duration.ofSeconds(1));
    assertThat(LookPace.DEFAULT.backoff(2)).isEqualTo(Duration.ofSeconds(2));
    assertThat(LookPace.DEFAULT.backoff(6)).isEqualTo(Duration.ofSeconds(32));
    assertThat(LookPace.DEFAULT.backoff(7)).isEqualTo(Duration.ofSeconds(60));
    assertThat(LookPace.DEFAULT.backoff(Integer.MAX_VALUE)).isEqualTo(Duration.ofSeconds(60));
  }
}
