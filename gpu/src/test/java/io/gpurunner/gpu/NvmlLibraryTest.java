package io.gpurunner.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gpurunner.gpu.GpuException.Kind;
import io.gpurunner.gpu.NvmlLibrary.DeviceMemory;
import java.nio.file.Files;
import java.nio.file.Path;
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
      assertThat(device.memory()).isEqualTo(new DeviceMemory(1000, usedBytes));
      assertThat(device.migEnabled()).isFalse();
      assertThat(device.computeProcesses()).containsExactly(new GpuProcess(42, 7));
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
      assertThat(nvml.device(0).memory()).isEqualTo(new DeviceMemory(1000, usedBytes));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void processesAreTheSameInEveryVersionOfTheList(String define) {
    FakeNvml fake =
        fake(define).script(oneGpu("process 101 1048576\nprocess 102 -\nprocess 103 5\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).computeProcesses())
          .containsExactly(
              new GpuProcess(101, 1048576), new GpuProcess(102, 0), new GpuProcess(103, 5));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {NEWEST, BEFORE_510, BEFORE_450, WIDE, ONLY_OLD, ONLY_NEW})
  void aSingleAndNoProcess(String define) {
    FakeNvml fake = fake(define).script(oneGpu("process 101 1\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).computeProcesses()).containsExactly(new GpuProcess(101, 1));
      fake.script(oneGpu(""));
      assertThat(nvml.device(0).computeProcesses()).isEmpty();
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
      assertThat(nvml.device(0).computeProcesses())
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
          .isThrownBy(device::computeProcesses)
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
          .isThrownBy(device::computeProcesses)
          .matches(e -> e.kind() == Kind.NOT_SUPPORTED);
    }
    assertThat(fake.calls("nvmlDeviceGetComputeRunningProcesses")).as("v3, v2, v1").isEqualTo(3);
  }

  @Test
  void aFailureOfTheOnlyVersionIsReported() {
    FakeNvml fake = fake(ONLY_NEW).script(oneGpu("error nvmlDeviceGetMemoryInfo 3\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      NvmlLibrary.Device device = nvml.device(0);
      assertThatExceptionOfType(GpuException.class)
          .isThrownBy(device::memory)
          .withMessageStartingWith("nvmlDeviceGetMemoryInfo_v2 of GPU 0 failed: ")
          .matches(e -> e.kind() == Kind.NOT_SUPPORTED);
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

  @ParameterizedTest
  @CsvSource({"on, true", "off, false", "unsupported, false"})
  void migMode(String mode, boolean enabled) {
    FakeNvml fake = fake(NEWEST).script(oneGpu("mig " + mode + "\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).migEnabled()).isEqualTo(enabled);
    }
  }

  @Test
  void aDriverWithoutMigHasNone() {
    FakeNvml fake = fake(BEFORE_450).script(oneGpu("mig on\n"));
    try (NvmlLibrary nvml = NvmlLibrary.open(fake.library())) {
      assertThat(nvml.device(0).migEnabled()).isFalse();
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
    "999, FAILED",
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
