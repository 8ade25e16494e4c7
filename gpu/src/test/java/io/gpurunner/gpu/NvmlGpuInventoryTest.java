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
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
  private FakeNvml fake;

  @BeforeEach
  void buildLibrary() {
    fake = FakeNvml.in(directory);
  }

  private NvmlGpuInventory open(LookPace pace) {
    NvmlGpuInventory inventory = NvmlGpuInventory.start(fake.library(), pace, clock);
    inventory.awaitFirstLook();
    return inventory;
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
      NvmlGpuInventory inventory = NvmlGpuInventory.start(fake.library(), WHEN_ASKED, clock);
      inventory.awaitFirstLook();
      return inventory;
    }
  }

  @Test
  void namesTheVersions() {
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      assertThat(inventory.description()).isEqualTo("NVML 12.535.154.05, driver 535.154.05");
    }
  }

  @Test
  void oneThreadMakesEveryCallFromInitToShutdown() {
    try (NvmlGpuInventory inventory = open(BUSY)) {
      inventory.requestLook();
      await().atMost(LIMIT).until(() -> fake.calls("nvmlDeviceGetCount") > 3);
    }
    List<String> calls = fake.calls();
    assertThat(calls.getFirst()).startsWith("nvmlInit ");
    assertThat(calls.getLast()).startsWith("nvmlShutdown ");
    assertThat(calls.stream().map(call -> call.split(" ", 2)[1]).distinct()).hasSize(1);
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
      ProcessFacts facts = ProcessFacts.of((int) pid).orElseThrow();
      assertThat(DeviceFitness.unfitReason(device(inventory.snapshot(), FakeNvml.A)).orElseThrow())
          .endsWith("used by process " + pid + " (" + facts.words() + ")")
          .contains(" of " + System.getProperty("user.name"));
    }
  }

  @Test
  void aDeviceInMigModeIsListedWithAFaultAndItsTrueLoad() {
    fake.script(VERSIONS + HEALTHY_A + "mig on\nprocess 4194305 1\n" + HEALTHY_B + "mig off\n");
    try (NvmlGpuInventory inventory = open(WHEN_ASKED)) {
      GpuDevice mig = device(inventory.snapshot(), FakeNvml.A);
      assertThat(mig.fault().orElseThrow()).contains("MIG mode is on");
      assertThat(mig.presence()).isEqualTo(Presence.READABLE);
      assertThat(mig.computeProcesses()).containsExactly(new GpuProcess(NO_PROCESS, 1));
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
      assertThat(lost.memoryTotalBytes()).isEqualTo(25769803776L);
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
          VERSIONS + HEALTHY_A + "error nvmlDeviceGetComputeRunningProcesses 999\n" + HEALTHY_B);
      GpuSnapshot snapshot =
          awaitSnapshot(
              inventory,
              now ->
                  now.at().isAfter(gone)
                      && device(now, FakeNvml.A).presence() == Presence.UNREADABLE);
      assertThat(device(snapshot, FakeNvml.A).computeProcesses())
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
    try (NvmlGpuInventory inventory = NvmlGpuInventory.start(library.toString(), BUSY, clock)) {
      assertThat(inventory.awaitFirstLook().orElseThrow().kind())
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

  @Test
  void backoffDoublesUpToItsLimit() {
    assertThat(LookPace.DEFAULT.backoff(1)).isEqualTo(Duration.ofSeconds(1));
    assertThat(LookPace.DEFAULT.backoff(2)).isEqualTo(Duration.ofSeconds(2));
    assertThat(LookPace.DEFAULT.backoff(6)).isEqualTo(Duration.ofSeconds(32));
    assertThat(LookPace.DEFAULT.backoff(7)).isEqualTo(Duration.ofSeconds(60));
    assertThat(LookPace.DEFAULT.backoff(Integer.MAX_VALUE)).isEqualTo(Duration.ofSeconds(60));
  }
}
