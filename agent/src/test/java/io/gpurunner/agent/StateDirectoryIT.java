package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * While jobs run, the agent is restarted with another path to its state directory, or with another
 * state directory at the same path. Real agents, as processes, and a real engine.
 */
class StateDirectoryIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  private static final String SCRIPT =
      "/bin/sh -c 'echo run >> $CKPT_PATH/runs;"
          + " while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; echo end >> $CKPT_PATH/ended'";

  @TempDir Path directory;

  private static String config(Path directory) {
    return """
    gpu: { simulated: ["NVIDIA GeForce RTX 3090"] }
    docker: { host: "%s", gpu-access: none }
    library: { datasets: %s, models: %s }
    store: { type: local }
    """
        .formatted(TestEnvironment.require("DOCKER_HOST"), directory, directory);
  }

  private static String create(AgentProcess agent) {
    String answer = agent.ask("POST", "/api/userJob", AgentUnderTest.body(SCRIPT), Map.of()).body();
    return new JsonObject(answer).getString("job_id");
  }

  private static String state(AgentProcess agent, String job) {
    String answer = agent.ask("GET", "/api/userJob/" + job, new JsonObject(), Map.of()).body();
    return new JsonObject(answer).getString("state");
  }

  private static void await(AgentProcess agent, String job, String state) {
    Awaitility.await(job + " to be " + state)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(200))
        .until(() -> state(agent, job), state::equals);
  }

  private static Path checkpoint(AgentProcess agent, String job) {
    return agent.jobDirectory(job).resolve("checkpoint");
  }

  private static void go(AgentProcess agent, String job) throws IOException {
    Files.writeString(checkpoint(agent, job).resolve("go"), "");
  }

  /** Lets the job run to its end, and checks that it ran only once. */
  private static void runToItsEnd(AgentProcess agent, String job) throws IOException {
    go(agent, job);
    await(agent, job, "SUCCEEDED");
    assertThat(checkpoint(agent, job).resolve("runs")).hasContent("run");
    assertThat(checkpoint(agent, job).resolve("ended")).hasContent("end");
  }

  /** Kills the agent, and puts another state directory in place of its own. */
  private static void swap(AgentProcess agent, Path putAside, Path putThere) throws IOException {
    agent.kill();
    Files.move(agent.stateDirectory(), putAside);
    Files.move(putThere, agent.stateDirectory());
  }

  @Test
  void aRunningJobGoesOnAndKeepsItsGpu() throws Exception {
    Path target = Files.createDirectory(directory.resolve("target"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), target);
    Containers containers = new Containers();
    try (AgentProcess before = new AgentProcess(link, config(directory), List.of());
        AgentProcess after = new AgentProcess(target, config(directory), List.of())) {
      before.configure(config(directory));
      before.start();
      String running = create(before);
      await(before, running, "RUNNING");
      String waiting = create(before);
      before.kill();

      after.configure(config(directory));
      after.start();
      // By now the agent has looked at the container and at the queue.
      Awaitility.await("the job to be looked at")
          .atMost(SOON)
          .until(() -> containers.running(running).size() == 1);
      assertThat(state(after, running)).isEqualTo("RUNNING");
      assertThat(state(after, waiting)).isEqualTo("QUEUED");
      runToItsEnd(after, running);
      assertThat(containers.of(running)).isEmpty();

      await(after, waiting, "RUNNING");
      runToItsEnd(after, waiting);
    }
  }

  /** Another state directory is put at the same path, while a job of each directory runs. */
  @Test
  void agentsOfTheSamePathLeaveEachOthersContainersAlone() throws Exception {
    Path first = directory.resolve("first");
    Path second = directory.resolve("second");
    Containers containers = new Containers();
    try (AgentProcess agent =
        new AgentProcess(directory.resolve("agent"), config(directory), List.of())) {
      agent.start();
      String ofFirst = create(agent);
      await(agent, ofFirst, "RUNNING");
      agent.kill();
      Files.move(agent.stateDirectory(), first);

      agent.start();
      String ofSecond = create(agent);
      await(agent, ofSecond, "RUNNING");
      assertThat(containers.running(ofFirst)).hasSize(1);
      assertThat(agent.log()).doesNotContain("belongs to no job");
      swap(agent, second, first);

      agent.start();
      assertThat(state(agent, ofFirst)).isEqualTo("RUNNING");
      runToItsEnd(agent, ofFirst);
      assertThat(containers.running(ofSecond)).hasSize(1);
      assertThat(agent.log()).doesNotContain("belongs to no job");
      swap(agent, first, second);

      agent.start();
      runToItsEnd(agent, ofSecond);
    }
  }
}
