package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A stop time passes while the agent is down: it was killed, and is restarted only later. Real
 * processes, real Docker engine, local store.
 */
class RestartFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final Duration GRACE = Duration.ofSeconds(2);

  /** The time from the stop time to the restart of the agent. */
  private static final Duration OVERDUE = Duration.ofSeconds(10);

  /** How long stopping a container may take after its grace period, on a busy machine. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(15);

  @TempDir Path directory;

  private final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // created before each test
  private AgentProcess agent;

  @BeforeEach
  void make() {
    agent =
        new AgentProcess(
            directory,
            """
            gpu: { simulated: ["NVIDIA GeForce RTX 3090"] }
            docker: { host: "%s", gpu-access: none }
            jobs: { grace-period: %ds }
            """
                .formatted(TestEnvironment.require("DOCKER_HOST"), GRACE.toSeconds()),
            List.of());
  }

  @AfterEach
  void end() {
    agent.close();
    containers.ofStateDirectory(agent.stateDirectory()).forEach(containers::removeQuietly);
  }

  @Test
  void aStopTimeThatPassedWhileTheAgentWasDeadIsEnforcedAtOnceAndIsASuccess() {
    agent.start();
    // The job ends neither by itself nor on SIGTERM, so only the next agent can have ended it.
    String job =
        create(
            AgentUnderTest.body(
                    "/bin/sh -c 'trap \"\" TERM; echo run >> $CKPT_PATH/runs; echo half > $MODEL_PATH/ds_model.bin; while true; do sleep 0.1; done'")
                .put("stopType", 1)
                .put("stopTime", 1));
    awaitState(job, "RUNNING");
    Instant deadline = Instant.parse(detail(job).getString("deadline"));
    agent.kill();
    await("the stop time to be past").until(() -> Instant.now().isAfter(deadline.plus(OVERDUE)));
    assertThat(containers.running(job)).hasSize(1);

    agent.start();
    assertThat(ask("GET", "/health/ready").statusCode()).isEqualTo(200);
    await("its container to be gone")
        .atMost(GRACE.plus(STOP_LIMIT))
        .until(() -> containers.of(job).isEmpty());
    awaitState(job, "SUCCEEDED");
    assertThat(messages(job, "ending")).containsExactly("stop time reached");
    assertThat(messages(job, "started")).hasSize(1);
    assertThat(agent.jobDirectory(job).resolve("checkpoint/runs")).hasContent("run\n");
    assertThat(agent.stateDirectory().resolve("artifacts").resolve(job).resolve("ds_model.bin"))
        .hasContent("half\n");
  }

  private String create(JsonObject body) {
    HttpResponse<String> answer = agent.ask("POST", "/api/userJob", body, Map.of());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body()).getString("job_id");
  }

  private HttpResponse<String> ask(String method, String path) {
    return agent.ask(method, path, new JsonObject(), Map.of());
  }

  private JsonObject detail(String job) {
    HttpResponse<String> answer = ask("GET", "/api/userJob/" + job);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  /** Returns the messages of one kind in the job's history. */
  private List<String> messages(String job, String kind) {
    return detail(job).getJsonArray("events").stream()
        .map(JsonObject.class::cast)
        .filter(event -> kind.equals(event.getString("kind")))
        .map(event -> event.getString("message"))
        .toList();
  }

  private void awaitState(String job, String state) {
    await(job + " to be " + state).until(() -> detail(job).getString("state"), state::equals);
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what).atMost(SOON).pollInterval(Duration.ofMillis(100));
  }
}
