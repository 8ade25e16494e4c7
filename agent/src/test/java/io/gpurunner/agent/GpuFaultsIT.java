package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * GPUs that hang, report errors or are used by others, with the whole agent: a C library with
 * NVML's symbols says what NVML would say. Containers get no device.
 */
class GpuFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final String A = "GPU-aaaaaaaa-0000-0000-0000-000000000000";
  private static final String B = "GPU-bbbbbbbb-0000-0000-0000-000000000000";

  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // made before each test
  private Path library;

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentUnderTest agent;

  @BeforeEach
  void start() throws Exception {
    library = directory.resolve("libnvidia-ml.so.1");
    Process compiler =
        new ProcessBuilder(
                "cc",
                "-shared",
                "-fPIC",
                "-o",
                library.toString(),
                "../gpu/src/test/c/nvml_fake.c",
                "-ldl")
            .inheritIO()
            .start();
    assertThat(compiler.waitFor()).isZero();
    gpus("", "");
    agent =
        new AgentUnderTest(
            directory.resolve("agent"),
            "{ type: local }",
            "{ provider: nvml, nvml-library: " + library + " }",
            "boot-1");
    agent.awaitReady();
  }

  @AfterEach
  void stop() {
    gpus("", "");
    agent.close();
  }

  /** Says what the two GPUs are like from now on. */
  private void gpus(String first, String second) {
    String script = "driver 535.154.05\nnvml 12.535.154.05\n" + gpu(A) + first + gpu(B) + second;
    try {
      Path next = Files.writeString(directory.resolve("next.script"), script);
      Files.move(
          next,
          library.resolveSibling(library.getFileName() + ".script"),
          StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String gpu(String uuid) {
    return "device " + uuid + " NVIDIA GeForce RTX 3090\nmemory 25769803776 268435456 0\n";
  }

  private String create(int gpus, String script) {
    return agent.create(
        AgentUnderTest.body("/bin/sh -c '" + script + "'")
            .put("gpuNumber", gpus)
            .put("ckptVol", "1")
            .put("modelVol", "1"));
  }

  private JsonObject gpu(int index) {
    JsonArray all = new JsonObject(agent.get("/api/gpus").body()).getJsonArray("gpus");
    return all.stream()
        .map(JsonObject.class::cast)
        .filter(gpu -> gpu.getInteger("index") == index)
        .findFirst()
        .orElseThrow();
  }

  private void awaitGpu(int index, String state) {
    Awaitility.await("GPU " + index + " to be " + state)
        .atMost(SOON)
        .until(() -> gpu(index).getString("state"), state::equals);
  }

  private String reason(String job) {
    return String.valueOf(agent.detail(job).getString("reason"));
  }

  private void awaitReason(String job, String words) {
    Awaitility.await(job + " to say " + words)
        .atMost(SOON)
        .until(() -> reason(job), reason -> reason.contains(words));
  }

  @Test
  void anIntruderOnAJobsGpuIsShownWhileTheJobRunsAndIsInItsHistory() throws Exception {
    String job = create(1, "sleep 600");
    agent.awaitState(job, "RUNNING", SOON);
    Process other = new ProcessBuilder("sleep", "600").start();
    try {
      gpus("process " + other.pid() + " 536870912\n", "");
      awaitReason(job, "is also used by process " + other.pid() + " (sleep of ");
      JsonObject process = gpu(0).getJsonArray("processes").getJsonObject(0);
      assertThat(process.getString("role")).isEqualTo("intruder");
      assertThat(process.getLong("pid")).isEqualTo(other.pid());
      assertThat(gpu(0).getString("job_id")).isEqualTo(job);
    } finally {
      other.destroyForcibly();
    }
    gpus("", "");
    agent.post("/api/userJob/job_del", new JsonObject().put("job_id", job));
    agent.awaitEnd(job, SOON);
    assertThat(agent.detail(job).getJsonArray("events").encode())
        .contains("\"intruder\"", "which is not of this job");
  }

  @Test
  void anAdminHearsOfAGpuWhoseStateChangesAndOfTheJobsOfAll() throws Exception {
    try (Stream<String> events = agent.eventsOfAnAdmin()) {
      CompletableFuture<List<String>> heard =
          CompletableFuture.supplyAsync(() -> untilBothAreThere(events.iterator()));
      gpus("", "xid 1 48\n");
      awaitGpu(1, "quarantined");
      String job = create(1, "true");
      agent.awaitEnd(job, SOON);
      assertThat(heard.get(SOON.toSeconds(), TimeUnit.SECONDS))
          .anyMatch(line -> line.contains(B) && line.contains("\"state\":\"quarantined\""))
          .anyMatch(line -> line.contains(job) && line.contains("\"user\":\"ann\""));
    }
  }

  /** Returns the lines until a GPU was quarantined and a job has succeeded. */
  private static List<String> untilBothAreThere(Iterator<String> lines) {
    List<String> read = new ArrayList<>();
    while (read.stream().noneMatch(line -> line.contains("quarantined"))
        || read.stream().noneMatch(line -> line.contains("SUCCEEDED"))) {
      read.add(lines.next());
    }
    return read;
  }

  @Test
  void aGpuThatReportedAnErrorIsKeptFromJobsOverARestartAndUntilABoot() {
    gpus("xid 1 48\n", "");
    awaitGpu(0, "quarantined");
    gpus("", ""); // NVML reports an error once
    String both = create(2, "true");
    awaitReason(both, "quarantined: XID 48 (");
    List<String> singles = new ArrayList<>();
    for (int job = 0; job < 4; job++) {
      singles.add(create(1, "true"));
    }
    singles.forEach(
        job -> assertThat(agent.awaitEnd(job, SOON).getString("status")).isEqualTo("success"));
    singles.forEach(
        job ->
            assertThat(agent.detail(job).getJsonArray("events").encode())
                .contains(B)
                .doesNotContain(A));

    agent.stop();
    agent.startUnready("boot-1");
    awaitGpu(1, "free");
    assertThat(gpu(0).getString("state")).isEqualTo("quarantined");
    assertThat(reason(both)).contains("quarantined: XID 48 (");

    agent.stop();
    agent.startUnready("boot-2");
    awaitGpu(0, "recovering");
    assertThat(agent.awaitEnd(both, SOON).getString("status")).isEqualTo("success");
  }

  @Test
  void aGpuThatHangsTakesNoOtherAlong() {
    gpus("hang nvmlDeviceGetMemoryInfo\n", "");
    awaitGpu(0, "unfit");
    assertThat(gpu(0).getString("reason")).contains("it hangs; see dmesg");
    String both = create(2, "true");
    String single = create(1, "true");
    assertThat(agent.awaitEnd(single, SOON).getString("status")).isEqualTo("success");
    assertThat(reason(both)).contains("it hangs; see dmesg");
    gpus("", "");
    assertThat(agent.awaitEnd(both, SOON).getString("status")).isEqualTo("success");
  }

  /** Neither a start nor the API nor jobs without GPUs wait for the driver. */
  @Test
  void aDriverThatHangsAsAWholeStopsOnlyJobsWithGpus() {
    String before = create(1, "sleep 5");
    agent.awaitState(before, "RUNNING", SOON);
    try {
      Files.writeString(
          library.resolveSibling(library.getFileName() + ".script"),
          "hang nvmlDeviceGetCount\nhang nvmlInit\n"
              + "driver 535.154.05\nnvml 12.535.154.05\n"
              + gpu(A)
              + gpu(B));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Awaitility.await().atMost(SOON).until(() -> agent.readiness().statusCode() == 503);
    agent.stop();
    long began = System.nanoTime();
    agent.startUnready("boot-1");
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(20));
    Awaitility.await()
        .atMost(SOON)
        .until(() -> !agent.readiness().body().contains("was not asked yet"));
    String without = create(0, "true");
    assertThat(agent.awaitEnd(without, SOON).getString("status")).isEqualTo("success");
    gpus("", "");
    assertThat(agent.awaitEnd(before, SOON).getString("status")).isEqualTo("success");
    String after = create(2, "true");
    assertThat(agent.awaitEnd(after, SOON).getString("status")).isEqualTo("success");
  }
}
