package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.gpu.GpuException.Kind;
import io.gpurunner.gpu.NvmlLibrary.DeviceMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the adapter with the fake library, through JNA. */
class NvmlLibraryTest {
  private static final String NEWEST = "";
  private static final String BEFORE_510 = "-DNVML_FAKE_NO_V3";
  private static final String BEFORE_450 = "-DNVML_FAKE_NO_V2";
  private static final String WIDE = "-DNVML_FAKE_WIDE_V3";
  private static final String ONLY_OLD = "-DNVML_FAKE_ONLY_OLD";
  private static final String ONLY_NEW = "-DNVML_FAKE_ONLY_NEW";

  @TempDir private Path directory;

  private FakeNvml fake(String define) {
    return define.isEmpty() ? FakeNvml.in(directory) : FakeNvml.in(directory, define);
  }

  private static GpuProcess withoutMemory(int pid) {
    return new GpuProcess(
        pid, OptionalLong.empty(), GpuProcess.Kind.COMPUTE, Optional.empty(), false);
  }

  private static Map<GpuFact, Long> facts(NvmlLibrary nvml) {
    return nvml.device(0).facts(EnumSet.allOf(GpuFact.Pace.class), Map.of());
  }

  private static String oneGpu(String statements) {
    return "driver 535.54.03\nnvml 12.535.54\ndevice GPU-a NVIDIA H100 80GB HBM3\n" + statements;
  }

  @ParameterizedTest
  @CsvSource({"'', 10", ONLY_OLD + ", 110", ONLY_NEW + ", 10"})
  void tellsVersionsAndDevices(String define, long usedBytes) {
    FakeNvml fake = fake(define).script(oneGpu("memory 1000 100 10\nprocess 42 7\nmig off\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.driverVersion()).isEqualTo("535.54.03");
      assertThat(nvml.nvmlVersion()).isEqualTo("12.535.54");
      assertThat(nvml.deviceCount()).isEqualTo(1);
      NvmlLibrary.Device device = nvml.device(0);
      assertThat(device.uuid()).isEqualTo(new GpuUuid("GPU-a"));
      assertThat(device.name()).isEqualTo("NVIDIA H100 80GB HBM3");
      assertThat(device.memory()).contains(new DeviceMemory(1000, usedBytes, usedBytes == 10));
      assertThat(device.processes()).containsExactly(new GpuProcess(42, 7));
    }
    assertThat(fake.calls("nvmlShutdown")).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({
    "'', 10",
    BEFORE_510 + ", 110",
    BEFORE_450 + ", 110",
    ONLY_OLD + ", 110",
    ONLY_NEW + ", 10"
  })
  void usedMemoryLeavesOutTheReservedWhereTheDriverTellsItApart(String define, long usedBytes) {
    FakeNvml fake = fake(define).script(oneGpu("memory 1000 100 10\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).memory())
          .contains(new DeviceMemory(1000, usedBytes, usedBytes == 10));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void processesAreTheSameInEveryVersionOfTheList(String define) {
    FakeNvml fake =
        fake(define).script(oneGpu("process 101 1048576\nprocess 102 -\nprocess 103 5\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).processes())
          .containsExactly(
              new GpuProcess(101, 1048576), withoutMemory(102), new GpuProcess(103, 5));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void aSingleAndNoProcess(String define) {
    FakeNvml fake = fake(define).script(oneGpu("process 101 1\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).processes()).containsExactly(new GpuProcess(101, 1));
      fake.script(oneGpu(""));
      assertThat(nvml.device(0).processes()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void theProcessListGrows(String define) {
    String processes =
        IntStream.rangeClosed(1, 3000)
            .mapToObj(pid -> "process " + pid + " " + pid * 10L)
            .collect(Collectors.joining("\n"));
    FakeNvml fake = fake(define).script(oneGpu(processes));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).processes())
          .hasSize(3000)
          .contains(new GpuProcess(1, 10), new GpuProcess(3000, 30_000));
    }
  }

  @Test
  void aProcessListThatNeverFitsIsGivenUp() {
    FakeNvml fake = fake(NEWEST).script(oneGpu("error nvmlDeviceGetComputeRunningProcesses 7\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::processes)
          .withMessageContaining("65536 processes")
          .withMessageContaining("GPU 0");
    }
    assertThat(fake.calls("nvmlDeviceGetComputeRunningProcesses")).isLessThan(20);
  }

  @Test
  void aSymbolThatTheDriverBelowDoesNotKnowFallsBack() {
    FakeNvml fake = fake(NEWEST).script(oneGpu("error nvmlDeviceGetComputeRunningProcesses 13\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::processes)
          .matches(e -> e.kind() == Kind.NOT_SUPPORTED);
    }
    assertThat(fake.calls("nvmlDeviceGetComputeRunningProcesses")).as("v3, v2, v1").isEqualTo(3);
  }

  @Test
  void aFailureOfTheOnlyVersionIsReported() {
    FakeNvml fake = fake(ONLY_NEW).script(oneGpu("error nvmlDeviceGetMemoryInfo 999\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::memory)
          .withMessageStartingWith("nvmlDeviceGetMemoryInfo_v2 of GPU 0 failed: ");
    }
  }

  @ParameterizedTest
  @CsvSource({"'', nvmlDeviceGetCount_v2", ONLY_OLD + ", nvmlDeviceGetCount"})
  void aMessageNamesTheVersionThatWasCalled(String define, String function) {
    FakeNvml fake = fake(define).script("error nvmlDeviceGetCount 999\n" + oneGpu(""));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(nvml::deviceCount)
          .withMessageStartingWith(function + " failed: ");
    }
  }

  /** What a driver does not support is absent. It is never zero. */
  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, ONLY_OLD, ONLY_NEW})
  void whatIsNotSupportedIsAbsent(String define) {
    FakeNvml fake = fake(define).script(oneGpu("error nvmlDeviceGetMinorNumber 3\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(facts(nvml)).isEmpty();
      assertThat(nvml.device(0).busId()).isEmpty();
      assertThat(nvml.cudaVersion()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, ONLY_NEW})
  void everyFactIsRead(String define) {
    FakeNvml fake =
        fake(define)
            .script(
                "cuda 12040\n"
                    + oneGpu(
                        """
                        minor 3
                        pci 00000000:3B:00.0
                        mig on
                        field 230 1 2
                        fact mig-pending 0
                        fact ecc 1
                        fact ecc-errors 5000000000
                        fact remap-pending 1
                        fact remap-failed 1
                        fact retired-pending 1
                        fact fabric-state 3
                        fact fabric-status 28
                        fact compute-mode 2
                        fact clock-reasons 68
                        fact persistence 1
                        fact power 250123
                        fact power-limit 350000
                        fact temperature 71
                        fact sm-clock 1980
                        fact memory-clock 2619
                        fact utilization 97
                        fact memory-utilization 33
                        fact energy 5000000001
                        """));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(facts(nvml))
          .containsExactlyInAnyOrderEntriesOf(
              Map.ofEntries(
                  Map.entry(GpuFact.MINOR, 3L),
                  Map.entry(GpuFact.RECOVERY_ACTION, 2L),
                  Map.entry(GpuFact.ECC_MODE, 1L),
                  Map.entry(GpuFact.ECC_UNCORRECTED, 5_000_000_000L),
                  Map.entry(GpuFact.ROW_REMAP_PENDING, 1L),
                  Map.entry(GpuFact.ROW_REMAP_FAILED, 1L),
                  Map.entry(GpuFact.RETIRED_PAGES_PENDING, 1L),
                  Map.entry(GpuFact.FABRIC_STATE, 3L),
                  Map.entry(GpuFact.FABRIC_STATUS, 28L),
                  Map.entry(GpuFact.COMPUTE_MODE, 2L),
                  Map.entry(GpuFact.MIG_MODE, 1L),
                  Map.entry(GpuFact.MIG_MODE_PENDING, 0L),
                  Map.entry(GpuFact.CLOCK_REASONS, 68L),
                  Map.entry(GpuFact.PERSISTENCE_MODE, 1L),
                  Map.entry(GpuFact.POWER_MILLIWATTS, 250_123L),
                  Map.entry(GpuFact.POWER_LIMIT_MILLIWATTS, 350_000L),
                  Map.entry(GpuFact.TEMPERATURE_CELSIUS, 71L),
                  Map.entry(GpuFact.SM_CLOCK_MHZ, 1980L),
                  Map.entry(GpuFact.MEMORY_CLOCK_MHZ, 2619L),
                  Map.entry(GpuFact.UTILIZATION_PERCENT, 97L),
                  Map.entry(GpuFact.MEMORY_UTILIZATION_PERCENT, 33L),
                  Map.entry(GpuFact.ENERGY_MILLIJOULES, 5_000_000_001L)))
          .hasSize(GpuFact.values().length);
      assertThat(nvml.device(0).busId()).contains("0000:3b:00.0");
      assertThat(nvml.cudaVersion()).contains("12.4");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 4294967295, 4294967295", "3, 9000000000, 9000000000", "0, 1, ", "6, 1, "})
  void aFieldIsReadByItsType(int type, long written, Long read) {
    FakeNvml fake = fake(NEWEST).script(oneGpu("field 230 " + type + " " + written + "\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(facts(nvml).get(GpuFact.RECOVERY_ACTION)).isEqualTo(read);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 16, 1, 9})
  void aLostDeviceOrSessionIsNotAnUnsupportedFact(int code) {
    FakeNvml fake = fake(NEWEST).script(oneGpu("error nvmlDeviceGetPowerUsage " + code + "\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(() -> facts(nvml))
          .withMessageContaining("nvmlDeviceGetPowerUsage");
    }
  }

  @Test
  void aDeviceWithoutMemoryOfItsOwn() {
    FakeNvml fake = fake(NEWEST).script(oneGpu("memory unsupported\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).memory()).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void aProcessThatDrawsIsListedToo(String define) {
    FakeNvml fake = fake(define).script(oneGpu("process 101 5\ngraphics 101 5\ngraphics 102 6\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).processes())
          .containsExactly(
              new GpuProcess(101, 5),
              new GpuProcess(
                  102, OptionalLong.of(6), GpuProcess.Kind.GRAPHICS, Optional.empty(), false));
      fake.script(oneGpu("process 101 5\ngraphics unsupported\n"));
      assertThat(nvml.device(0).processes()).containsExactly(new GpuProcess(101, 5));
    }
  }

  @Test
  void errorsAreReportedOnceAndOnlyOfRegisteredDevices() {
    FakeNvml fake = fake(NEWEST);
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Events events = nvml.openEvents().orElseThrow();
      List<NvmlLibrary.Device> devices = List.of(nvml.device(0), nvml.device(1));
      events.register(devices.get(1));
      assertThat(events.next(devices)).isEmpty();
      fake.script(
          FakeNvml.TWO_GPUS.replaceFirst("device GPU-b", "xid 1 48\ndevice GPU-b")
              + "xid 2 31\nxid 3 79\n");
      assertThat(events.next(devices).orElseThrow())
          .isEqualTo(new NvmlLibrary.DeviceXid(Optional.of(1), OptionalLong.of(31)));
      assertThat(events.next(devices).orElseThrow())
          .isEqualTo(new NvmlLibrary.DeviceXid(Optional.of(1), OptionalLong.of(79)));
      assertThat(events.next(devices)).isEmpty();
      fake.script("error nvmlEventSetWait 15\n" + FakeNvml.TWO_GPUS);
      assertThat(events.next(devices)).as("the look at the device tells").isEmpty();
      events.close();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, SESSION_LOST",
    "4, NO_PERMISSION",
    "9, DRIVER_NOT_LOADED",
    "15, DEVICE_LOST",
    "16, DEVICE_LOST",
    "18, DRIVER_MISMATCH",
    "999, UNKNOWN",
    "4711, FAILED"
  })
  void aReturnCodeBecomesAKindAndTheMessageNamesTheCall(int code, Kind kind) {
    FakeNvml fake = fake(NEWEST).script(oneGpu("error nvmlDeviceGetUUID " + code + "\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::uuid)
          .withMessageStartingWith("nvmlDeviceGetUUID of GPU 0 failed: ")
          .withMessageContaining("(nvmlReturn_t " + code + ")")
          .matches(e -> e.kind() == kind);
    }
  }

  @Test
  void aMissingLibraryIsNamed() {
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open("libgpurunner-no-such-nvml.so.1"))
        .withMessageContaining("gpu.nvml-library: libgpurunner-no-such-nvml.so.1")
        .withMessageContaining("install the NVIDIA driver")
        .matches(e -> e.kind() == Kind.LIBRARY_NOT_FOUND)
        .withCauseInstanceOf(UnsatisfiedLinkError.class);
  }

  @Test
  void aMissingPathIsNamed() {
    String path = directory.resolve("libnvidia-ml.so.1").toString();
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(path))
        .withMessageContaining(path)
        .matches(e -> e.kind() == Kind.LIBRARY_NOT_FOUND);
  }

  @Test
  void aFileThatIsNoLibrary() throws Exception {
    Path text = Files.writeString(directory.resolve("libnvidia-ml.so.1"), "no library\n");
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(text.toString()))
        .withMessageContaining(text.toString())
        .matches(e -> e.kind() == Kind.LIBRARY_UNUSABLE);
  }

  @Test
  void aLibraryThatIsNotNvml() {
    FakeNvml fake = fake("-DNVML_FAKE_NO_INIT");
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(fake.library()))
        .withMessageContaining("it has no function nvmlInit_v2 or nvmlInit;")
        .matches(e -> e.kind() == Kind.LIBRARY_UNUSABLE);
  }

  @Test
  void aDriverThatIsNotLoaded() {
    FakeNvml fake = fake(NEWEST);
    fake.removeScript();
    assertThatExceptionOfType(GpuException.class)
        .isThrownBy(() -> NvmlLibrary.open(fake.library()))
        .withMessageContaining("Driver Not Loaded")
        .withMessageContaining("modprobe nvidia")
        .matches(e -> e.kind() == Kind.DRIVER_NOT_LOADED);
  }

  @Test
  void anEmptyTextIsAFailure() {
    FakeNvml fake = fake(NEWEST).script("device GPU-a\n");
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::name)
          .withMessageContaining("nvmlDeviceGetName of GPU 0");
    }
  }

  @Test
  void twoLibrariesOfTheSameSonameAreApart(@TempDir Path other) {
    FakeNvml first = fake(NEWEST).script(oneGpu(""));
    FakeNvml second = FakeNvml.in(other);
    try (NvmlLibrary one = NvmlLibrary.open(first.library());
        NvmlLibrary two = NvmlLibrary.open(second.library())) {
      assertThat(one.deviceCount()).isEqualTo(1);
      assertThat(two.deviceCount()).isEqualTo(2);
    }
  }
}
