package io.gpurunner.gpu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import com.sun.jna.NativeLibrary;
import io.gpurunner.gpu.GpuException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Tests NVIDIA's own libraries, which {@code dev/nvidia-libraries} fetches. They need no GPU. On a
 * machine without NVIDIA's kernel driver, which is the usual case, NVML says that the driver is not
 * loaded. On a machine with the driver of another version, NVML says that the versions differ.
 */
class NvidiaLibrariesIT {
  /** The branches of the driver from which there is a library. */
  private static final List<String> BRANCHES = List.of("470", "535", "550");

  /** The functions that each branch has. The names are those of {@code nvml.h}. */
  private static final String FUNCTIONS =
      """
      470 535 550 nvmlDeviceGetPciInfo_v3
        - 535 550 nvmlDeviceGetMemoryInfo_v2
      470 535 550 nvmlDeviceGetComputeRunningProcesses_v2
        - 535 550 nvmlDeviceGetComputeRunningProcesses_v3
      470 535 550 nvmlDeviceGetGraphicsRunningProcesses
      470 535 550 nvmlDeviceGetGraphicsRunningProcesses_v2
        - 535 550 nvmlDeviceGetGraphicsRunningProcesses_v3
      470 535 550 nvmlDeviceGetMigMode
      470 535 550 nvmlDeviceGetFieldValues
        - 535 550 nvmlDeviceGetGpuFabricInfo
        -   - 550 nvmlDeviceGetGpuFabricInfoV
      470 535 550 nvmlDeviceGetCurrentClocksThrottleReasons
        - 535 550 nvmlDeviceGetCurrentClocksEventReasons
      470 535 550 nvmlDeviceGetTotalEnergyConsumption
      470 535 550 nvmlDeviceGetRemappedRows
      470 535 550 nvmlDeviceGetRetiredPagesPendingStatus
      470 535 550 nvmlDeviceGetTotalEccErrors
      470 535 550 nvmlDeviceGetPowerUsage
      470 535 550 nvmlDeviceGetEnforcedPowerLimit
      470 535 550 nvmlDeviceGetTemperature
        -   -   - nvmlDeviceGetTemperatureV
      470 535 550 nvmlDeviceGetClockInfo
      470 535 550 nvmlDeviceGetUtilizationRates
      470 535 550 nvmlDeviceGetEccMode
      470 535 550 nvmlDeviceGetPersistenceMode
      470 535 550 nvmlDeviceGetComputeMode
      470 535 550 nvmlSystemGetCudaDriverVersion_v2
      470 535 550 nvmlEventSetCreate
      470 535 550 nvmlEventSetWait_v2
      470 535 550 nvmlDeviceRegisterEvents
      470 535 550 nvmlDeviceGetMinorNumber
      """;

  /** Whether NVIDIA's kernel driver is loaded. A node below /dev does not show it. */
  private static final boolean DRIVER_LOADED = Files.exists(Path.of("/proc/driver/nvidia/version"));

  /**
   * What NVML makes when root initialises it, also without a driver. The second is a link, on a
   * machine with a directory /dev/char.
   */
  private static final List<Path> NODES =
      List.of(Path.of("/dev/nvidiactl"), Path.of("/dev/char/195:255"));

  private static final int OPENINGS = 20;
  private static final LookPace BUSY =
      new LookPace(
          Duration.ofMillis(5), Duration.ofMillis(1), Duration.ofMillis(20), Duration.ofDays(1));

  private static Path libraries;
  private static List<Path> absentNodes;

  @TempDir private Path directory;

  @BeforeAll
  static void fetchLibraries() throws Exception {
    absentNodes = NODES.stream().filter(node -> !Files.exists(node, NOFOLLOW_LINKS)).toList();
    Process script =
        new ProcessBuilder("../dev/nvidia-libraries")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String printed = new String(script.getInputStream().readAllBytes(), UTF_8).strip();
    assertThat(script.waitFor()).as("exit code of dev/nvidia-libraries").isZero();
    libraries = Path.of(printed);
  }

  /** Other programs may take a node without a driver for a driver. */
  @AfterAll
  static void removeNodes() throws IOException {
    if (!DRIVER_LOADED) {
      for (Path node : absentNodes) {
        Files.deleteIfExists(node);
      }
    }
  }

  private static Path library(String branch) {
    return libraries.resolve(branch).resolve("libnvidia-ml.so.1");
  }

  @ParameterizedTest
  @FieldSource("BRANCHES")
  void withoutItsDriverTheMessageNamesTheRemedy(String branch) {
    String library = library(branch).toString();
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(library))
        .withMessageContainingAll(
            "nvmlInit_v2 of " + library,
            DRIVER_LOADED ? "Driver/library version mismatch" : "Driver Not Loaded",
            DRIVER_LOADED ? "reload the module" : "modprobe nvidia")
        .matches(e -> e.kind() == (DRIVER_LOADED ? Kind.DRIVER_MISMATCH : Kind.DRIVER_NOT_LOADED));
  }

  @ParameterizedTest
  @FieldSource("BRANCHES")
  void hasEveryFunctionThatTheAgentNeeds(String branch) throws IOException {
    try (NativeLibrary library = NativeLibrary.getInstance(library(branch).toString())) {
      assertThat(NvmlApi.REQUIRED)
          .allSatisfy(
              versions -> assertThat(versions).anyMatch(function -> has(library, function)));
      assertThat(mappings(branch)).as("while it is loaded").isNotEmpty();
    }
    assertThat(mappings(branch)).as("after it was closed").isEmpty();
  }

  /** Shows where the agent must do without a function, or call an older version of it. */
  @Test
  void eachBranchHasExactlyTheseFunctions() {
    StringBuilder table = new StringBuilder();
    for (String line : FUNCTIONS.lines().toList()) {
      String function = line.substring(line.lastIndexOf(' ') + 1);
      for (String branch : BRANCHES) {
        try (NativeLibrary library = NativeLibrary.getInstance(library(branch).toString())) {
          table.append(has(library, function) ? branch : "  -").append(' ');
        }
      }
      table.append(function).append('\n');
    }
    assertThat(table.toString()).isEqualTo(FUNCTIONS);
  }

  private static boolean has(NativeLibrary library, String function) {
    try {
      library.getFunction(function);
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false; // how JNA says that there is no such function
    }
  }

  /** The agent opens the library again and again until there is a driver. */
  @ParameterizedTest
  @FieldSource("BRANCHES")
  void failedOpeningsLeaveNothingBehind(String branch) throws IOException {
    openInVain(branch); // what the first opening in a process loads may stay
    List<String> before = openFiles();
    for (int opening = 0; opening < OPENINGS; opening++) {
      openInVain(branch);
    }
    assertThat(openFiles()).isEqualTo(before);
    assertThat(mappings(branch)).isEmpty();
  }

  private static void openInVain(String branch) {
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(library(branch).toString()));
  }

  /** Returns what the open file descriptors of this process lead to. */
  private static List<String> openFiles() throws IOException {
    List<String> files = new ArrayList<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : (Iterable<Path>) descriptors::iterator) {
        try {
          files.add(Files.readSymbolicLink(descriptor).toString());
        } catch (NoSuchFileException closed) {
          // Another thread closed it since it was listed.
        }
      }
    }
    Collections.sort(files);
    return files;
  }

  /** Returns the lines of proc_pid_maps(5) that name the branch's library. */
  private static List<String> mappings(String branch) throws IOException {
    String file = library(branch).toRealPath().toString();
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines.filter(line -> line.endsWith(file)).toList();
    }
  }

  @ParameterizedTest
  @FieldSource("BRANCHES")
  void autoIsNoneWhereThereIsNoCard(String branch) throws IOException {
    try (GpuInventory inventory = openAuto(branch)) {
      // A driver of another version shows that there are GPUs.
      assertThat(inventory)
          .isInstanceOf(DRIVER_LOADED ? NvmlGpuInventory.class : NoGpuInventory.class);
      assertThat(inventory.snapshot().devices()).isEmpty();
    }
    assertThat(mappings(branch)).isEmpty();
  }

  @ParameterizedTest
  @FieldSource("BRANCHES")
  void autoWaitsForTheDriverOfACardThatIsOnTheBus(String branch) throws IOException {
    Path card = Files.createDirectories(bus().devices().resolve("0000:3b:00.0"));
    Files.writeString(card.resolve("vendor"), "0x10de\n");
    Files.writeString(card.resolve("class"), "0x030200\n");
    try (GpuInventory inventory = openAuto(branch)) {
      assertThat(inventory).isInstanceOf(NvmlGpuInventory.class);
      await()
          .untilAsserted(
              () ->
                  assertThat(inventory.snapshot().fault().orElseThrow())
                      .contains(
                          "nvmlInit_v2 of " + library(branch),
                          DRIVER_LOADED ? "nvmlReturn_t 18" : "modprobe nvidia"));
      assertThat(inventory.snapshot().devices()).isEmpty();
    }
    assertThat(mappings(branch)).isEmpty();
  }

  private GpuInventory openAuto(String branch) {
    GpuSettings settings =
        GpuSettings.of(GpuSettings.Provider.AUTO, library(branch).toString(), List.of());
    MovableClock clock = new MovableClock();
    return GpuInventories.open(
        settings,
        Set.of(),
        new GpuInventories.Opening(BUSY, bus(), HealthBook.forgetful(clock), clock));
  }

  private PciBus bus() {
    return new PciBus(directory.resolve("pci"));
  }
}
