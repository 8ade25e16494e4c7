package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.storage.FaultProxy;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Faults of the machine under jobs: stores and devices go away, agents and hosts restart. Real
 * Docker engine, real S3 server.
 */
class MachineFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  @TempDir Path directory;

  private static JsonObject training() {
    return AgentUnderTest.body(
        "/bin/sh -c 'echo weights > $MODEL_PATH/ds_model.bin; while [ ! -e $CKPT_PATH/go ]; do"
            + " sleep 0.1; done'");
  }

  private void letGo(AgentUnderTest agent, String jobId) throws IOException {
    Files.writeString(agent.jobDirectory(jobId).resolve("checkpoint/go"), "");
  }

  @Test
  void artifactsThatCannotBeUploadedInTimeAreKeptAndCanBeUploadedLater() throws Exception {
    try (FaultProxy s3 = new FaultProxy(AgentUnderTest.s3Endpoint());
        CallbackReceiver callbacks = new CallbackReceiver();
        AgentUnderTest agent =
            new AgentUnderTest(
                directory,
                AgentUnderTest.s3Store(s3.uri()),
                AgentUnderTest.simulatedGpus(),
                "boot-1")) {
      agent.awaitReady();
      String id = agent.create(training().put("callbackUrl", callbacks.url()));
      agent.awaitState(id, "RUNNING", SOON);
      s3.cut();
      letGo(agent, id);
      assertThat(agent.awaitEnd(id, Duration.ofSeconds(90)).getString("status")).isEqualTo("fail");
      assertThat(agent.detail(id).getString("reason"))
          .contains("S3 bucket")
          .contains(s3.uri().toString())
          .contains("retry-upload");
      assertThat(agent.jobDirectory(id).resolve("model/ds_model.bin")).exists();
      Awaitility.await().atMost(SOON).until(() -> callbacks.about(id).size() == 1);
      Awaitility.await("readiness to report it")
          .atMost(SOON)
          .until(() -> agent.readiness().statusCode() == 503);
      HttpResponse<String> refused = agent.post("/api/userJob", training());
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      assertThat(refused.body()).contains("store");

      s3.mend();
      assertThat(agent.post("/api/userJob/" + id + "/retry-upload", new JsonObject()).statusCode())
          .isEqualTo(200);
      agent.awaitState(id, "SUCCEEDED", SOON);
      assertThat(new String(agent.fetch(agent.status(id).getString("url")), StandardCharsets.UTF_8))
          .isEqualTo("weights\n");
      Awaitility.await().atMost(SOON).until(() -> callbacks.about(id).size() == 2);
      assertThat(callbacks.about(id).get(1).body().getString("status")).isEqualTo("success");
    }
  }

  @Test
  void aJobGoesOnWhileTheAgentIsAwayAndIsFinishedByTheNext() throws Exception {
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory,
            AgentUnderTest.s3Store(AgentUnderTest.s3Endpoint()),
            AgentUnderTest.simulatedGpus(),
            "boot-1")) {
      agent.awaitReady();
      String id = agent.create(training());
      agent.awaitState(id, "RUNNING", SOON);
      String container = new Containers().first(id);
      agent.restart("boot-1");
      assertThat(new Containers().first(id)).isEqualTo(container);
      assertThat(agent.detail(id).getString("state")).isEqualTo("RUNNING");
      letGo(agent, id);
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("success");
    }
  }

  @Test
  void aJobUnderWhichTheHostRebootedIsAFailureWhateverItsExitCode() throws Exception {
    try (CallbackReceiver callbacks = new CallbackReceiver();
        AgentUnderTest agent =
            new AgentUnderTest(
                directory,
                AgentUnderTest.s3Store(AgentUnderTest.s3Endpoint()),
                AgentUnderTest.simulatedGpus(),
                "boot-1")) {
      agent.awaitReady();
      String id = agent.create(training().put("callbackUrl", callbacks.url()));
      agent.awaitState(id, "RUNNING", SOON);
      agent.restart("boot-2");
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
      assertThat(agent.detail(id).getString("reason"))
          .isEqualTo("the host rebooted while the job ran");
      assertThat(new Containers().of(id)).isEmpty();
      Awaitility.await().atMost(SOON).until(() -> callbacks.about(id).size() == 1);
    }
  }

  @Test
  void exitCodeZeroIsNoSuccessWhereTheHostRebootedSince() throws Exception {
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1")) {
      String id = endsWithZeroWhileTheAgentIsAway(agent);
      agent.start("boot-2");
      assertThat(agent.awaitEnd(id, SOON)).isEqualTo(new JsonObject().put("status", "fail"));
      assertThat(agent.detail(id).getString("reason"))
          .isEqualTo("the host rebooted while the job ran");
      // Its files are kept and not published.
      assertThat(agent.jobDirectory(id).resolve("model/ds_model.bin")).hasContent("weights\n");
      assertThat(agent.config().stateDir().resolve("artifacts").resolve(id)).doesNotExist();
      assertThat(new Containers().of(id)).isEmpty();
    }
  }

  @Test
  void exitCodeZeroIsASuccessWhereTheAgentAloneWasAway() throws Exception {
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1")) {
      String id = endsWithZeroWhileTheAgentIsAway(agent);
      agent.start("boot-1");
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("success");
      assertThat(agent.fetch(agent.status(id).getString("url"))).asString().isEqualTo("weights\n");
      assertThat(new Containers().of(id)).isEmpty();
    }
  }

  /** Runs a job that ends with exit code 0 while the agent is down. */
  private String endsWithZeroWhileTheAgentIsAway(AgentUnderTest agent) throws IOException {
    agent.awaitReady();
    String id = agent.create(training());
    agent.awaitState(id, "RUNNING", SOON);
    agent.stop();
    letGo(agent, id);
    Containers containers = new Containers();
    String container = containers.first(id);
    Awaitility.await("the container to have ended with 0")
        .atMost(SOON)
        .until(() -> containers.exitCode(container), Optional.of(0L)::equals);
    return id;
  }

  @Test
  void aJobWhoseGpuIsLostIsAFailure() throws Exception {
    Path library = fakeNvml();
    script(library, "");
    try (CallbackReceiver callbacks = new CallbackReceiver();
        AgentUnderTest agent =
            new AgentUnderTest(
                directory,
                AgentUnderTest.s3Store(AgentUnderTest.s3Endpoint()),
                "{ provider: nvml, nvml-library: " + library + " }",
                "boot-1")) {
      agent.awaitReady();
      String id = agent.create(training().put("callbackUrl", callbacks.url()));
      agent.awaitState(id, "RUNNING", SOON);
      // 15 is NVML_ERROR_GPU_IS_LOST.
      script(library, "error nvmlDeviceGetMemoryInfo 15\n");
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
      assertThat(agent.detail(id).getString("reason"))
          .contains("GPU-00000000-0000-0000-0000-000000000001")
          .contains("lost");
      Awaitility.await().atMost(SOON).until(() -> callbacks.about(id).size() == 1);
    }
  }

  @Test
  void whileTheDriverFailsRunningJobsGoOnAndWaitingOnesWait() throws Exception {
    Path library = fakeNvml();
    script(library, "");
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory,
            "{ type: local }",
            "{ provider: nvml, nvml-library: " + library + " }",
            "boot-1")) {
      agent.awaitReady();
      String running = agent.create(training());
      agent.awaitState(running, "RUNNING", SOON);
      String waiting = agent.create(training());
      // 999 is NVML_ERROR_UNKNOWN.
      script(library, "error nvmlDeviceGetCount 999\n", "");
      Awaitility.await("readiness to report it")
          .atMost(SOON)
          .until(() -> agent.readiness().body().contains("nvmlDeviceGetCount"));
      assertThat(agent.post("/api/userJob", training()).statusCode()).isEqualTo(503);
      letGo(agent, running);
      Awaitility.await("its container to be gone")
          .atMost(SOON)
          .until(() -> agent.detail(running).encode().contains("container-gone"));
      assertThat(agent.detail(waiting).getString("state")).isEqualTo("QUEUED");
      script(library, "");
      assertThat(agent.awaitEnd(running, SOON).getString("status")).isEqualTo("success");
      agent.awaitState(waiting, "RUNNING", SOON);
      letGo(agent, waiting);
      assertThat(agent.awaitEnd(waiting, SOON).getString("status")).isEqualTo("success");
    }
  }

  @Test
  void aDriverThatIsOutOfOrderFromTheStartIsNoMachineWithoutGpus() throws Exception {
    Path library = fakeNvml();
    // 18 is NVML_ERROR_LIB_RM_VERSION_MISMATCH.
    script(library, "error nvmlInit 18\n", "");
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory, "{ type: local }", "{ nvml-library: " + library + " }", "boot-1")) {
      JsonObject withoutGpus = AgentUnderTest.body("true").put("gpuNumber", 0);
      HttpResponse<String> taken =
          Awaitility.await("all but the GPUs to be ready")
              .atMost(SOON)
              .until(
                  () -> agent.post("/api/userJob", withoutGpus),
                  answer -> answer.statusCode() == 200);
      String without = new JsonObject(taken.body()).getString("job_id");
      assertThat(agent.awaitEnd(without, SOON).getString("status")).isEqualTo("success");
      for (HttpResponse<String> refused :
          List.of(agent.post("/api/userJob", training()), agent.get("/api/userJob/getGpuType"))) {
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(503);
        assertThat(refused.headers().firstValue("Retry-After")).contains("10");
        assertThat(refused.body()).contains("the GPUs of this machine cannot be read now");
      }
      script(library, "");
      agent.awaitReady();
      String id = agent.create(training());
      agent.awaitState(id, "RUNNING", SOON);
      letGo(agent, id);
      assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("success");
    }
  }

  @Test
  void aGpuThatSomebodyElseUsesHoldsUpOnlyTheJobThatNeedsIt() throws Exception {
    Path library = fakeNvml();
    fourGpus(library, "process 4711 1000000\n");
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory,
            "{ type: local }",
            "{ provider: nvml, nvml-library: " + library + " }",
            "boot-1")) {
      agent.awaitReady();
      String all = agent.create(training().put("gpuNumber", 4));
      List<String> singles = new ArrayList<>();
      for (int job = 0; job < 3; job++) {
        singles.add(agent.create(training()));
      }
      for (String single : singles) {
        agent.awaitState(single, "RUNNING", SOON);
      }
      assertThat(agent.detail(all).getString("reason"))
          .contains("used by process 4711")
          .contains("only 3 that it can hand out");
      fourGpus(library, "");
      String last = agent.create(training());
      for (String single : singles) {
        letGo(agent, single);
        assertThat(agent.awaitEnd(single, SOON).getString("status")).isEqualTo("success");
      }
      agent.awaitState(all, "RUNNING", SOON);
      assertThat(agent.detail(last).getString("state")).isEqualTo("QUEUED");
      for (String job : List.of(all, last)) {
        agent.awaitState(job, "RUNNING", SOON);
        letGo(agent, job);
        assertThat(agent.awaitEnd(job, SOON).getString("status")).isEqualTo("success");
      }
    }
  }

  @Test
  void jobsGoOnWhereTheDriverIsAwayWhenTheAgentIsStartedAgain() throws Exception {
    Path library = fakeNvml();
    script(library, "");
    try (AgentUnderTest agent =
        new AgentUnderTest(
            directory, "{ type: local }", "{ nvml-library: " + library + " }", "boot-1")) {
      agent.awaitReady();
      String running = agent.create(training());
      agent.awaitState(running, "RUNNING", SOON);
      Path away = directory.resolve("away");
      Files.move(library, away);
      agent.stop();
      agent.startUnready("boot-1");
      Awaitility.await("readiness to report it")
          .atMost(SOON)
          .until(() -> agent.readiness().body().contains(library.toString()));
      Files.move(away, library);
      agent.awaitReady(); // the devices were looked at, and this job's device is there
      assertThat(agent.detail(running).getString("state")).isEqualTo("RUNNING");
      letGo(agent, running);
      assertThat(agent.awaitEnd(running, SOON).getString("status")).isEqualTo("success");
    }
  }

  @Test
  void partsThatAreDownAtTheStartAreNamedAndFoundWhenTheyCome() {
    try (FaultProxy s3 = new FaultProxy(AgentUnderTest.s3Endpoint())) {
      s3.cut();
      try (AgentUnderTest agent =
          new AgentUnderTest(
              directory,
              AgentUnderTest.s3Store(s3.uri()),
              AgentUnderTest.simulatedGpus(),
              "boot-1")) {
        Awaitility.await()
            .atMost(SOON)
            .untilAsserted(
                () -> {
                  HttpResponse<String> ready = agent.readiness();
                  assertThat(ready.statusCode()).isEqualTo(503);
                  assertThat(ready.body()).contains(s3.uri().toString());
                });
        assertThat(agent.get("/health/live").statusCode()).isEqualTo(200);
        assertThat(agent.post("/api/userJob", training()).statusCode()).isEqualTo(503);
        assertThat(new JsonObject(agent.get("/api/userJob").body()).getLong("totalElements"))
            .isZero();
        s3.mend();
        agent.awaitReady();
      }
    }
  }

  /** Scripts the fake NVML with one RTX 3090 and a fault of it. */
  private static void script(Path library, String fault) throws IOException {
    script(library, "", fault);
  }

  /** Scripts the fake NVML with one RTX 3090, a fault of it, and a fault of the whole driver. */
  private static void script(Path library, String driverFault, String fault) throws IOException {
    write(library, driverFault + DRIVER + device(1) + fault);
  }

  /** Scripts the fake NVML with four RTX 3090, and what is on the last one. */
  private static void fourGpus(Path library, String onTheLast) throws IOException {
    write(library, DRIVER + device(1) + device(2) + device(3) + device(4) + onTheLast);
  }

  private static final String DRIVER = "driver 535.154.05\nnvml 12.535.154.05\n";

  private static String device(int number) {
    return "device GPU-00000000-0000-0000-0000-00000000000"
        + number
        + " NVIDIA GeForce RTX 3090\nmemory 25769803776 0 0\n";
  }

  private static void write(Path library, String script) throws IOException {
    Path part = library.resolveSibling("script.part");
    Files.writeString(part, script);
    Files.move(
        part,
        library.resolveSibling(library.getFileName() + ".script"),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  private Path fakeNvml() throws Exception {
    Path library = directory.resolve("libnvidia-ml.so.1");
    Path source = Path.of("..").resolve("gpu/src/test/c/nvml_fake.c").toAbsolutePath().normalize();
    Process cc =
        new ProcessBuilder(
                "cc",
                "-shared",
                "-fPIC",
                "-Wl,-soname,libnvidia-ml.so.1",
                "-o",
                library.toString(),
                source.toString(),
                "-ldl")
            .inheritIO()
            .start();
    assertThat(cc.waitFor()).isZero();
    return library;
  }
}
