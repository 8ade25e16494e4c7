package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jobs that try to take more of the disk than they asked for, where volumes are only watched. */
class DiskAttacksIT {
  private static final Duration SOON = Duration.ofSeconds(90);

  @TempDir static Path directory;

  @SuppressWarnings("NullAway.Init") // started before all tests
  private static AgentUnderTest agent;

  private static final Containers containers = new Containers();

  @BeforeAll
  static void start() {
    agent =
        new AgentUnderTest(directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1");
    agent.awaitReady();
  }

  @AfterAll
  static void stop() {
    agent.close();
  }

  private static String reasonOfFailure(String script, String image) {
    String id =
        agent.create(
            AgentUnderTest.body("/bin/sh -c '" + script + "'")
                .put("imagePath", image)
                .put("gpuNumber", 0)
                .put("ckptVol", 20)
                .put("modelVol", 20));
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("fail");
    return agent.detail(id).getString("reason");
  }

  private static String busybox() {
    return TestEnvironment.require("GPURUNNER_TEST_IMAGE");
  }

  @Test
  void aFileThatIsDeletedAndGrowsOnEndsItsJob() {
    assertThat(
            reasonOfFailure(
                "exec 9>$MODEL_PATH/f; rm $MODEL_PATH/f;"
                    + " dd if=/dev/zero bs=1M count=40 >&9; sleep 600",
                busybox()))
        .startsWith("modelPath /data2 is over its size: ");
  }

  @Test
  void whatLiesDeepAndClosedEndsItsJob() {
    assertThat(
            reasonOfFailure(
                "cd $MODEL_PATH; i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done;"
                    + " dd if=/dev/zero of=f bs=1M count=40; chmod 000 . $MODEL_PATH/d; sleep 600",
                busybox()))
        .startsWith("modelPath /data2 is over its size: ");
  }

  @Test
  void theVolumeOfAnImageCountsToTheJobAndLeavesNothingOnTheEnginesDisk() throws Exception {
    Path context = Files.createDirectory(directory.resolve("context"));
    Files.writeString(
        context.resolve("Dockerfile"),
        "FROM %s\nRUN mkdir -p /keep && echo content > /keep/file\nVOLUME /keep\n"
            .formatted(busybox()));
    String image = "gpurunner-volume-" + UUID.randomUUID() + ":1";
    containers.build(context, image);
    try {
      assertThat(
              reasonOfFailure(
                  "cat /keep/file || exit 3; dd if=/dev/zero of=/keep/big bs=1M count=40; sleep"
                      + " 600",
                  image))
          .startsWith("ckptPath /data is over its size: ");
    } finally {
      containers.removeImage(image);
    }
  }

  @Test
  void aUserPurgesWhatAJobLeft() {
    JsonObject body = AgentUnderTest.body("/bin/sh -c 'echo x > $MODEL_PATH/f'");
    String id = agent.create(body);
    assertThat(agent.awaitEnd(id, SOON).getString("status")).isEqualTo("success");
    assertThat(agent.jobDirectory(id)).exists();

    JsonObject purge = new JsonObject().put("job_id", id).put("purge", true);
    assertThat(agent.post("/api/userJob/job_del", purge).statusCode()).isEqualTo(200);

    Awaitility.await("its files to be gone")
        .atMost(SOON)
        .until(
            () -> agent.post("/api/userJob/job_del", purge).body(),
            answer -> answer.contains("removed already"));
    assertThat(agent.jobDirectory(id)).doesNotExist();
    assertThat(agent.config().stateDir().resolve("artifacts").resolve(id)).doesNotExist();
  }
}
