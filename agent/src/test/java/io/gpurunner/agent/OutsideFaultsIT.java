package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An administrator or another program acts on a job's container. Real Docker engine. */
class OutsideFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  /** A program that exits with 0 on SIGTERM. It would be a success if it had ended by itself. */
  private static final String OBEDIENT =
      "/bin/sh -c 'trap \"exit 0\" TERM; touch $CKPT_PATH/ready; while true; do sleep 0.1; done'";

  @TempDir static Path directory;

  private static final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // started before all tests
  private static AgentUnderTest agent;

  @BeforeAll
  static void start() {
    agent =
        new AgentUnderTest(directory, "{ type: local }", AgentUnderTest.simulatedGpus(), "boot-1");
    agent.awaitReady();
  }

  @AfterAll
  static void stop() {
    agent.close();
    containers.ofStateDirectory(agent.config().stateDir()).forEach(containers::removeQuietly);
  }

  private static String running() {
    String job = agent.create(AgentUnderTest.body(OBEDIENT));
    agent.awaitState(job, "RUNNING", SOON);
    Awaitility.await("its trap to be set")
        .atMost(SOON)
        .until(() -> Files.exists(agent.jobDirectory(job).resolve("checkpoint/ready")));
    return job;
  }

  /** Checks how the job failed. If a kill and a removal come together, the agent may see either. */
  private static void assertFailed(String job, String reason) {
    assertThat(agent.awaitEnd(job, SOON).getString("status")).isEqualTo("fail");
    assertThat(agent.detail(job).getString("reason")).containsPattern(reason);
    assertThat(agent.detail(job).getJsonArray("gpus")).isEmpty();
    assertThat(containers.of(job)).isEmpty();
  }

  @Test
  void aStoppedContainerIsAFailureThoughItsJobWouldExitWithZero() {
    String job = running();
    containers.stop(containers.first(job));
    assertFailed(job, "exit code 137");
  }

  @Test
  void aRemovedContainerIsAFailure() {
    String job = running();
    containers.remove(containers.first(job));
    assertFailed(job, "removed from outside|exit code 137");
  }

  @Test
  void aRestartedContainerIsAFailure() {
    String job = running();
    containers.restart(containers.first(job));
    assertFailed(job, "started again from outside|exit code 137");
  }

  @Test
  void aPausedContainerCanBeDeleted() {
    String job = running();
    containers.pause(containers.first(job));
    Awaitility.await("its reason to say it")
        .atMost(SOON)
        .until(() -> agent.detail(job).getString("reason", "").contains("paused"));
    agent.post("/api/userJob/job_del", new JsonObject().put("job_id", job));
    agent.awaitState(job, "DELETED", SOON);
    assertThat(containers.of(job)).isEmpty();
  }
}
