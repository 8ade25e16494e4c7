package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.PrivateEngine;
import io.gpurunner.agent.faultinjection.FaultPoints;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The machine can start no container for a while: its bridge is gone, its runtime is broken, the
 * engine's disk is full. No job fails for that, none runs twice, and all run once the machine is
 * repaired. The engine is a real one for this test only.
 */
class MachineTroubleIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final int JOBS = 12;

  /** The size of the disk of the engine. It must keep one gigabyte free. */
  private static final int DISK_GIGABYTES = 3;

  /** The path is short, because a socket's path has at most 107 characters. */
  @TempDir(factory = ShortTemporaryDirectory.class)
  private Path directory;

  private final String bridge = "gprm" + ThreadLocalRandom.current().nextInt(1_000_000);
  private final int subnet = ThreadLocalRandom.current().nextInt(256);

  @SuppressWarnings("NullAway.Init") // started before each test
  private PrivateEngine engine;

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentUnderTest agent;

  @SuppressWarnings("NullAway.Init") // started before each test
  private Path runtime;

  @BeforeEach
  void start() throws Exception {
    makeBridge();
    Path home = Files.createDirectory(directory.resolve("d"));
    runtime = directory.resolve("runtime");
    repairRuntime();
    shell(
        "truncate -s %dG disk.img && mkfs.ext4 -q -m 0 disk.img && mkdir d/data && mount -o loop disk.img d/data"
            .formatted(DISK_GIGABYTES));
    engine = PrivateEngine.onBridge(home, bridge);
    engine.start(List.of("--add-runtime=ours=" + runtime, "--default-runtime=ours"));
    engine.copyImage(
        URI.create(TestEnvironment.require("DOCKER_HOST")),
        TestEnvironment.require("GPURUNNER_TEST_IMAGE"));
    agent =
        new AgentUnderTest(
            directory.resolve("agent"),
            "{ type: local }",
            AgentUnderTest.simulatedGpus(),
            engine.host().toString(),
            "boot-1",
            FaultPoints.ofThisProcess());
    agent.awaitReady();
  }

  @AfterEach
  void stop() throws Exception {
    agent.close();
    engine.close();
    shell("ip link delete %s; umount --lazy d/data; true".formatted(bridge));
  }

  private void shell(String script) throws Exception {
    Process sh =
        new ProcessBuilder("sh", "-c", script).directory(directory.toFile()).inheritIO().start();
    assertThat(sh.waitFor()).as(script).isZero();
  }

  private void makeBridge() throws Exception {
    shell(
        "ip link add %1$s type bridge && ip addr add 10.215.%2$d.1/24 dev %1$s && ip link set %1$s up"
            .formatted(bridge, subnet));
  }

  private void repairRuntime() throws IOException {
    Files.writeString(runtime, "#!/bin/sh\nexec runc \"$@\"\n");
    Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private String create(int gpus, String script) {
    return agent.create(
        AgentUnderTest.body("/bin/sh -c 'echo run >> $CKPT_PATH/runs; " + script + "'")
            .put("gpuNumber", gpus)
            .put("ckptVol", "1")
            .put("modelVol", "1"));
  }

  /** Creates jobs of which each needs one GPU of four, or none. */
  private List<String> createMany() {
    List<String> jobs = new ArrayList<>();
    for (int i = 0; i < JOBS; i++) {
      jobs.add(create(i % 2, "echo weights > $MODEL_PATH/ds_model.bin"));
    }
    return jobs;
  }

  private HttpResponse<String> readiness() {
    return agent.readiness();
  }

  private void awaitUnready(String words) {
    Awaitility.await("readiness to say that " + words)
        .atMost(SOON)
        .until(
            () -> readiness(),
            answer -> answer.statusCode() == 503 && answer.body().contains(words));
  }

  private void assertAllRunOnce(List<String> jobs) throws IOException {
    for (String job : jobs) {
      agent.awaitState(job, "SUCCEEDED", SOON);
      assertThat(agent.jobDirectory(job).resolve("checkpoint/runs")).hasContent("run\n");
      assertThat(kinds(job)).doesNotContain("retry");
    }
  }

  private List<String> kinds(String job) {
    return agent.detail(job).getJsonArray("events").stream()
        .map(event -> ((JsonObject) event).getString("kind"))
        .toList();
  }

  /** All jobs are in the queue, at their places, and each says what it waits for. */
  private void awaitAllQueued(List<String> jobs, String words) {
    Awaitility.await("all jobs to be in the queue")
        .atMost(SOON)
        .until(
            () ->
                jobs.stream()
                    .map(agent::detail)
                    .allMatch(
                        job ->
                            job.getString("state").equals("QUEUED")
                                && job.getString("reason", "").contains("can start no container")));
    assertThat(jobs.stream().map(job -> agent.detail(job).getString("reason")))
        .allSatisfy(reason -> assertThat(reason).contains(words));
    assertThat(jobs.stream().map(job -> agent.detail(job).getInteger("queuePosition"))).isSorted();
  }

  @Test
  void withoutItsBridgeTheQueueIsKept() throws Exception {
    shell("ip link delete " + bridge);
    List<String> jobs = createMany();
    awaitUnready("docker");
    awaitAllQueued(jobs, "network");
    // Before it is repaired, the agent dies, and finds the same again.
    agent.stop();
    agent.startUnready("boot-1");
    awaitUnready("no container can be started");
    awaitAllQueued(jobs, "network");
    makeBridge();
    agent.awaitReady();
    assertAllRunOnce(jobs);
    assertThat(jobs.stream().filter(job -> kinds(job).contains("not-started")).toList())
        .isNotEmpty();
  }

  @Test
  void withABrokenRuntimeTheQueueIsKept() throws Exception {
    String before = create(0, "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done");
    agent.awaitState(before, "RUNNING", SOON);
    Files.writeString(runtime, "#!/bin/sh\necho its library is missing >&2; exit 1\n");
    List<String> jobs = createMany();
    awaitUnready("docker");
    awaitAllQueued(jobs, "runtime");
    HttpResponse<String> refused = agent.post("/api/userJob", AgentUnderTest.body("true"));
    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(agent.detail(before).getString("state")).isEqualTo("RUNNING");
    repairRuntime();
    agent.awaitReady();
    Files.writeString(agent.jobDirectory(before).resolve("checkpoint/go"), "");
    jobs.add(before);
    assertAllRunOnce(jobs);
  }

  @Test
  void aFullDiskOfTheEngineKeepsTheQueue() throws Exception {
    String holder = create(4, "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done");
    agent.awaitState(holder, "RUNNING", SOON);
    List<String> jobs = List.of(create(1, "true"), create(2, "true"));
    shell("dd if=/dev/zero of=d/data/rest bs=1M 2>dd.log || true");
    awaitUnready("the disk of the container engine");
    Files.writeString(agent.jobDirectory(holder).resolve("checkpoint/go"), "");
    agent.awaitState(holder, "SUCCEEDED", SOON);
    awaitAllQueued(jobs, "docker image prune");
    Files.delete(directory.resolve("d/data/rest"));
    agent.awaitReady();
    assertAllRunOnce(jobs);
  }

  /** The disk fills up between two looks at it. */
  @Test
  void aStartThatFindsTheDiskFullIsTriedAgain() throws Exception {
    shell("dd if=/dev/zero of=d/data/rest bs=1M 2>dd.log || true");
    List<String> jobs = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      HttpResponse<String> answer =
          agent.post(
              "/api/userJob",
              AgentUnderTest.body("/bin/sh -c \"echo run >> $CKPT_PATH/runs\"")
                  .put("ckptVol", "1")
                  .put("modelVol", "1"));
      if (answer.statusCode() == 200) {
        jobs.add(new JsonObject(answer.body()).getString("job_id"));
      }
    }
    awaitUnready("docker");
    assertThat(jobs.stream().map(job -> agent.detail(job).getString("state")))
        .doesNotContain("FAILED", "SUCCEEDED");
    Files.delete(directory.resolve("d/data/rest"));
    agent.awaitReady();
    assertAllRunOnce(jobs);
  }
}
