package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.PrivateEngine;
import io.gpurunner.agent.container.docker.TinyRegistry;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The container engine ends under jobs that are pulling, running and being stopped, and comes back:
 * a real one of this test's own. None of them runs twice, and none is told to be what it was not.
 */
class EngineFaultsIT {
  private static final Duration SOON = Duration.ofSeconds(60);
  private static final List<String> LIVE_RESTORE = List.of("--live-restore");

  private static final String STARTED = "echo run >> $CKPT_PATH/runs; ";
  private static final String WAIT = "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; ";

  /** For a socket's path, that has 107 characters at most. */
  @TempDir(factory = ShortTemporaryDirectory.class)
  private Path directory;

  private final String bridge = "gpre" + ThreadLocalRandom.current().nextInt(1_000_000);

  @SuppressWarnings("NullAway.Init") // started before each test
  private PrivateEngine engine;

  @SuppressWarnings("NullAway.Init") // started before each test
  private TinyRegistry registry;

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentUnderTest agent;

  @SuppressWarnings("NullAway.Init") // started before each test
  private Containers containers;

  @BeforeEach
  void start() throws Exception {
    int subnet = ThreadLocalRandom.current().nextInt(256);
    ip("link", "add", bridge, "type", "bridge");
    ip("addr", "add", "10.214." + subnet + ".1/24", "dev", bridge);
    ip("link", "set", bridge, "up");
    engine = PrivateEngine.onBridge(Files.createDirectory(directory.resolve("d")), bridge);
    engine.start(LIVE_RESTORE);
    engine.copyImage(
        URI.create(TestEnvironment.require("DOCKER_HOST")),
        TestEnvironment.require("GPURUNNER_TEST_IMAGE"));
    registry = new TinyRegistry();
    containers = new Containers(engine.host().toString());
    agent =
        new AgentUnderTest(
            directory.resolve("agent"),
            "{ type: local }",
            AgentUnderTest.simulatedGpus(),
            engine.host().toString(),
            "boot-1");
    agent.awaitReady();
  }

  @AfterEach
  void stop() throws Exception {
    agent.close();
    registry.close();
    engine.close();
    ip("link", "delete", bridge);
  }

  private static void ip(String... arguments) throws Exception {
    List<String> command = new java.util.ArrayList<>(List.of("ip"));
    command.addAll(List.of(arguments));
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  @Test
  void underAnEngineWithLiveRestoreJobsGoOn() throws Exception {
    Jobs jobs = new Jobs();
    String waiting = jobs.running("echo weights > $MODEL_PATH/ds_model.bin; " + WAIT);
    jobs.beginPullAndStop();

    engine.kill();
    jobs.endWhileNobodyLooks();
    engine.start(LIVE_RESTORE);
    registry.release();

    jobs.assertTrueEnds();
    assertThat(agent.detail(waiting).getString("state")).isEqualTo("RUNNING");
    jobs.go(waiting);
    jobs.assertEnd(waiting, "SUCCEEDED", "");
    assertThat(agent.detail(waiting).getString("url")).isNotNull();
  }

  /** Killed, as by the kernel, or ended, as by a service manager that updates it. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void underAnEngineWithoutLiveRestoreJobsFailAndNoneIsTakenForDone(boolean killed)
      throws Exception {
    engine.stop();
    engine.start(List.of());
    Jobs jobs = new Jobs();
    String waiting = jobs.running(WAIT);
    String saving =
        jobs.running(
            "trap \"echo half > $MODEL_PATH/ds_model.bin; exit 0\" TERM; touch $CKPT_PATH/ready; "
                + WAIT);
    Awaitility.await("the trap to be set")
        .atMost(SOON)
        .until(() -> Files.exists(jobs.checkpoint(saving).resolve("ready")));
    jobs.beginPullAndStop();

    if (killed) {
      engine.kill();
      jobs.endWhileNobodyLooks();
    } else {
      jobs.endWhileNobodyLooks();
      engine.stop();
    }
    engine.start(List.of());
    registry.release();

    jobs.assertTrueEnds();
    jobs.assertEnd(waiting, "FAILED", "exit code 137");
    jobs.assertEnd(saving, "FAILED", "exit code 137");
    assertThat(agent.config().stateDir().resolve("artifacts").resolve(saving)).doesNotExist();
  }

  /** One of each kind, each of which can be told what became of it. */
  private final class Jobs {
    private final String good;
    private final String bad;
    private String stopped = "";
    private String pulling = "";

    Jobs() {
      good = running(WAIT + "echo end >> $CKPT_PATH/ended");
      bad = running(WAIT + "echo end >> $CKPT_PATH/ended; exit 3");
    }

    /** A job without GPUs that has begun. */
    String running(String script) {
      String job =
          agent.create(
              AgentUnderTest.body("/bin/sh -c '" + STARTED + script + "'").put("gpuNumber", 0));
      agent.awaitState(job, "RUNNING", SOON);
      Awaitility.await(job + " to have begun").atMost(SOON).until(() -> Files.exists(runs(job)));
      return job;
    }

    void beginPullAndStop() throws Exception {
      // Its program is not in the image, which is enough to see that it was run.
      pulling =
          agent.create(
              AgentUnderTest.body("no-such-program")
                  .put("imagePath", registry.image("held/one:1")));
      assertThat(registry.awaitHeld(SOON.toSeconds())).isTrue();
      stopped = running("trap \"\" TERM; " + WAIT + WAIT);
      agent.post("/api/userJob/job_del", new JsonObject().put("job_id", stopped));
      Awaitility.await("SIGTERM to be sent")
          .atMost(SOON)
          .until(() -> agent.detail(stopped).encode().contains("stop-signalled"));
    }

    void endWhileNobodyLooks() throws IOException {
      for (String job : List.of(good, bad)) {
        go(job);
        Awaitility.await(job + " to end")
            .atMost(SOON)
            .until(() -> Files.exists(checkpoint(job).resolve("ended")));
      }
    }

    void assertTrueEnds() throws IOException {
      assertEnd(good, "SUCCEEDED", "");
      assertEnd(bad, "FAILED", "exit code 3");
      assertEnd(stopped, "DELETED", "deleted by ann");
      agent.awaitState(pulling, "FAILED", SOON);
      assertThat(agent.detail(pulling).getString("reason")).contains("exit code 127");
      assertThat(containers.of(pulling)).isEmpty();
    }

    /** It came to this end, after one run, and holds nothing. */
    void assertEnd(String job, String state, String reason) throws IOException {
      agent.awaitEnd(job, SOON);
      JsonObject detail = agent.detail(job);
      assertThat(detail.getString("state")).as(detail.encode()).isEqualTo(state);
      assertThat(detail.getString("reason", "")).contains(reason);
      assertThat(Files.readAllLines(runs(job))).hasSize(1);
      assertThat(containers.of(job)).isEmpty();
    }

    void go(String job) throws IOException {
      Files.writeString(checkpoint(job).resolve("go"), "");
    }

    Path checkpoint(String job) {
      return agent.jobDirectory(job).resolve("checkpoint");
    }

    private Path runs(String job) {
      return checkpoint(job).resolve("runs");
    }
  }
}
