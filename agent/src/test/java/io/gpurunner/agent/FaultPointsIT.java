package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.faultinjection.FaultPoints;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The agent ends as by {@code kill -9} at each of its fault points, in the middle of a job. It is
 * started again, and the job comes to its true end. Real processes, real Docker engine, local
 * store.
 */
class FaultPointsIT {
  /** The number of agents that run at the same time, each with its own state directory. */
  private static final int LANES = 3;

  private static final Duration SOON = Duration.ofMinutes(3);

  /** A command of the job that records its start where it outlives the container. */
  private static final String STARTED = "echo run >> $CKPT_PATH/runs; ";

  @TempDir static Path directory;

  private static final CallbackReceiver callbacks = new CallbackReceiver();
  private static final Containers containers = new Containers();
  private static final BlockingQueue<Lane> lanes = new LinkedBlockingQueue<>();
  private static final ExecutorService threads = Executors.newFixedThreadPool(LANES);

  /** What a job does, so that the agent reaches a point. */
  private enum Scenario {
    SUCCESS,
    FAILURE,
    SECOND_RUN,
    DELETION,
    RESUMPTION,
    SECOND_UPLOAD,
    PURGE,
    RETENTION;

    static Scenario past(String point) {
      String place = point.substring(0, point.lastIndexOf('.'));
      return switch (place) {
        case "api.delete",
            "containers.askToStop",
            "containers.kill",
            "ledger.DELETED",
            "output.follow" ->
            DELETION;
        case "api.retryUpload" -> SECOND_UPLOAD;
        case "api.purge" -> PURGE;
        case "volumes.seedCheckpoint" -> RESUMPTION;
        case "volumes.delete", "store.deleteAll" -> RETENTION;
        case "ledger.FAILED" -> FAILURE;
        default -> SUCCESS;
      };
    }
  }

  /** A point, the scenario that reaches it, and at which time of reaching it the agent ends. */
  private record Case(String point, Scenario scenario, int times) {
    @Override
    public String toString() {
      return point + (times == 1 ? "" : ":" + times);
    }
  }

  private static Stream<Case> cases() {
    Stream<Case> each =
        FaultPoints.names().stream()
            // An orphan is discarded only after five minutes. OrphansTest covers that.
            .filter(point -> !point.startsWith("containers.discard."))
            .map(point -> new Case(point, Scenario.past(point), 1));
    Stream<Case> more =
        Stream.of("before", "after")
            .flatMap(
                side ->
                    Stream.of(
                        // The second object is the manifest, after the model.
                        new Case("volumes.delete." + side, Scenario.PURGE, 1),
                        new Case("store.deleteAll." + side, Scenario.PURGE, 1),
                        new Case("store.put." + side, Scenario.SUCCESS, 2),
                        // The second time is for the upload, after the one for the container.
                        new Case("volumes.reveal." + side, Scenario.SUCCESS, 2),
                        new Case("containers.start." + side, Scenario.SECOND_RUN, 2),
                        new Case("containers.remove." + side, Scenario.DELETION, 1)));
    Stream<Case> commits =
        Stream.of("uncommitted", "untold", "told")
            .flatMap(
                side ->
                    Stream.of(
                        new Case("ledger.QUEUED." + side, Scenario.SECOND_RUN, 2),
                        // The second commit says that the container is gone. The first is the end.
                        new Case("ledger.STOPPING." + side, Scenario.SUCCESS, 2),
                        new Case("ledger.STOPPING." + side, Scenario.DELETION, 2),
                        new Case("ledger.STOPPING." + side, Scenario.DELETION, 3),
                        new Case("ledger.UPLOADING." + side, Scenario.SECOND_UPLOAD, 1)));
    return Stream.of(each, more, commits).flatMap(cases -> cases);
  }

  @BeforeAll
  static void start() throws Exception {
    List<String> prepared =
        AgentProcess.prepareStart(directory.resolve("prepared"), Lane.config(Lane.KEEPS_FILES));
    for (int number = 1; number <= LANES; number++) {
      lanes.add(new Lane(directory.resolve("agent-" + number), prepared));
    }
  }

  @AfterAll
  static void stop() {
    threads.close();
    lanes.forEach(Lane::close);
    callbacks.close();
  }

  /** Submits all cases at once. As many run at a time as there are agents. Each case is a test. */
  @TestFactory
  List<DynamicTest> aJobComesToItsTrueEndWhereverTheAgentIsKilled() {
    List<DynamicTest> tests = new ArrayList<>();
    for (Case each : cases().toList()) {
      Future<Boolean> result = threads.submit(() -> inSomeLane(each));
      String name = each + " (" + each.scenario() + ")";
      tests.add(DynamicTest.dynamicTest(name, () -> assertThat(result.get()).isTrue()));
    }
    return tests;
  }

  private static boolean inSomeLane(Case each) throws Exception {
    Lane lane = lanes.take();
    try {
      lane.run(each);
      return true;
    } finally {
      lanes.add(lane);
    }
  }

  /** One agent, which is killed and started again. */
  private static final class Lane implements AutoCloseable {
    private static final String KEEPS_FILES = "30d";

    private final Path point;
    private final AgentProcess agent;
    private int deaths;

    Lane(Path directory, List<String> javaOptions) {
      point = directory.resolve("point");
      List<String> options = new ArrayList<>(javaOptions);
      options.addAll(List.of("-D" + FaultPoints.PROPERTY + "=" + point, "-Xmx256m"));
      agent = new AgentProcess(directory, config(KEEPS_FILES), options);
      agent.start();
    }

    private static String config(String retention) {
      return """
      gpu: { simulated: ["NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3090"] }
      docker: { host: "%s", gpu-access: none }
      jobs: { grace-period: 1s, retention: %s }
      store: { retry-for: 3s }
      callbacks: { allow: [127.0.0.1] }
      """
          .formatted(TestEnvironment.require("DOCKER_HOST"), retention);
    }

    void run(Case each) throws Exception {
      boolean well = false;
      try {
        deaths = 0;
        ask("GET", "/health/ready", new JsonObject());
        switch (each.scenario()) {
          case SUCCESS -> success(each);
          case FAILURE -> failure(each);
          case SECOND_RUN -> secondRun(each);
          case DELETION -> deletion(each);
          case RESUMPTION -> resumption(each);
          case SECOND_UPLOAD -> secondUpload(each);
          case PURGE -> purge(each);
          case RETENTION -> retention(each);
        }
        assertThat(deaths).as("deaths at " + each).isEqualTo(1);
        assertNoneHeld();
        well = true;
      } finally {
        if (!well) {
          // The next case needs an agent that is up.
          Files.deleteIfExists(point);
          agent.kill();
          agent.start();
        }
      }
    }

    // ---- the scenarios

    private void success(Case each) throws IOException {
      arm(each);
      String job = create(body(STARTED + "echo weights > $MODEL_PATH/ds_model.bin"));
      awaitState(job, "SUCCEEDED");
      awaitDeath();
      assertRuns(job, 1);
      assertModel(job);
      assertToldOnce(job, "success");
    }

    private void failure(Case each) throws IOException {
      arm(each);
      String job = create(body(STARTED + "echo weights > $MODEL_PATH/ds_model.bin; exit 7"));
      awaitState(job, "FAILED");
      awaitDeath();
      assertThat(detail(job).getString("reason")).contains("exit code 7");
      assertRuns(job, 1);
      assertNoArtifacts(job);
      assertToldOnce(job, "fail");
    }

    private void secondRun(Case each) throws IOException {
      arm(each);
      String job =
          create(
              body(STARTED
                      + "echo weights > $MODEL_PATH/ds_model.bin; [ $(wc -l < $CKPT_PATH/runs) -ge"
                      + " 2 ]")
                  .put("retries", 1));
      awaitState(job, "SUCCEEDED");
      awaitDeath();
      assertRuns(job, 2);
      assertModel(job);
      assertToldOnce(job, "success");
    }

    private void deletion(Case each) throws IOException {
      String job = create(body(STARTED + "trap \"\" TERM; while true; do sleep 0.1; done"));
      awaitState(job, "RUNNING");
      await("the job to have begun").until(() -> Files.exists(runs(job)));
      arm(each);
      assertThat(ask("POST", "/api/userJob/job_del", id(job)).statusCode()).isEqualTo(200);
      awaitState(job, "DELETED");
      awaitDeath();
      assertRuns(job, 1);
      assertNoArtifacts(job);
      assertThat(callbacks.about(job)).isEmpty();
    }

    private void resumption(Case each) throws IOException {
      String first = create(body(STARTED + "echo 1 > $CKPT_PATH/epoch-1"));
      awaitState(first, "SUCCEEDED");
      arm(each);
      String job =
          create(
              body(STARTED + "cat $CKPT_PATH/epoch-1; echo weights > $MODEL_PATH/ds_model.bin")
                  .put("resumeFrom", first));
      awaitState(job, "SUCCEEDED");
      awaitDeath();
      // The first line came with the first job's checkpoint.
      assertRuns(job, 2);
      assertModel(job);
      assertToldOnce(job, "success");
    }

    private void secondUpload(Case each) throws IOException {
      String job = uploadedInVain();
      arm(each);
      ask("POST", "/api/userJob/" + job + "/retry-upload", new JsonObject());
      awaitState(job, "SUCCEEDED");
      awaitDeath();
      assertRuns(job, 1);
      assertModel(job);
      await("the callbacks of both ends")
          .until(() -> statuses(job).equals(List.of("fail", "success")));
    }

    /** Creates a job that fails only because of its upload. */
    private String uploadedInVain() throws IOException {
      Files.createDirectories(artifacts());
      Path aside = artifacts().resolveSibling("artifacts-aside");
      Files.move(artifacts(), aside);
      Files.createFile(artifacts());
      String job = create(body(STARTED + "echo weights > $MODEL_PATH/ds_model.bin"));
      awaitState(job, "FAILED");
      await("the callback of its end").until(() -> statuses(job).equals(List.of("fail")));
      Files.delete(artifacts());
      Files.move(aside, artifacts());
      return job;
    }

    private void purge(Case each) throws IOException {
      String job = create(body(STARTED + "echo weights > $MODEL_PATH/ds_model.bin"));
      awaitState(job, "SUCCEEDED");
      assertToldOnce(job, "success");
      arm(each);
      ask("POST", "/api/userJob/job_del", id(job).put("purge", true));
      awaitDeath();
      // The agent may have ended before the request was on disk.
      assertThat(ask("POST", "/api/userJob/job_del", id(job).put("purge", true)).statusCode())
          .isEqualTo(200);
      await("its files to be gone")
          .until(() -> detail(job).getJsonArray("events").encode().contains("\"swept\""));
      assertThat(agent.jobDirectory(job)).doesNotExist();
      assertNoArtifacts(job);
    }

    private void retention(Case each) throws IOException {
      String job = create(body(STARTED + "echo weights > $MODEL_PATH/ds_model.bin"));
      awaitState(job, "SUCCEEDED");
      assertToldOnce(job, "success");
      agent.kill();
      agent.configure(config("1s"));
      arm(each);
      agent.start();
      awaitDeath();
      await("its files to be gone")
          .until(() -> detail(job).getJsonArray("events").encode().contains("\"swept\""));
      assertThat(agent.jobDirectory(job)).doesNotExist();
      assertNoArtifacts(job);
      agent.kill();
      agent.configure(config(KEEPS_FILES));
      agent.start();
    }

    // ---- requests to an agent that dies

    private void arm(Case each) throws IOException {
      Path part = Files.writeString(point.resolveSibling("point.part"), each.toString());
      Files.move(part, point, StandardCopyOption.ATOMIC_MOVE);
    }

    /** If the agent has died, removes the point and starts the agent again. */
    private void revive() {
      if (agent.wasKilled()) {
        deaths++;
        try {
          Files.deleteIfExists(point);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        agent.start();
      }
    }

    /** Waits for the death of the agent. Some points are reached only after the job's end. */
    private void awaitDeath() {
      await("the agent to die")
          .until(
              () -> {
                revive();
                return deaths == 1;
              });
    }

    private HttpResponse<String> ask(String method, String path, JsonObject body) {
      return ask(method, path, body, Map.of());
    }

    private HttpResponse<String> ask(
        String method, String path, JsonObject body, Map<String, String> headers) {
      return await(method + " " + path + " to be answered")
          .until(
              () -> {
                revive();
                return agent.tryAsk(method, path, body, headers);
              },
              answer -> answer.isPresent() && answer.get().statusCode() != 503)
          .orElseThrow();
    }

    private String create(JsonObject body) {
      Map<String, String> key = Map.of("Idempotency-Key", UUID.randomUUID().toString());
      HttpResponse<String> answer = ask("POST", "/api/userJob", body, key);
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      return new JsonObject(answer.body()).getString("job_id");
    }

    private JsonObject detail(String job) {
      HttpResponse<String> answer = ask("GET", "/api/userJob/" + job, new JsonObject());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      return new JsonObject(answer.body());
    }

    private void awaitState(String job, String state) {
      await(job + " to be " + state).until(() -> detail(job).getString("state"), state::equals);
    }

    // ---- what must be true at the end

    private Path runs(String job) {
      return agent.jobDirectory(job).resolve("checkpoint/runs");
    }

    private void assertRuns(String job, int count) throws IOException {
      assertThat(Files.readAllLines(runs(job))).as("runs of " + job).hasSize(count);
    }

    private Path artifacts() {
      return agent.stateDirectory().resolve("artifacts");
    }

    private void assertModel(String job) {
      assertThat(artifacts().resolve(job).resolve("ds_model.bin")).hasContent("weights\n");
      assertThat(artifacts().resolve(job).resolve("manifest.json")).exists();
      // The probe of the store writes a file there now and then, and removes it.
      Path incoming = artifacts().resolve(".incoming");
      await("no half-written file to be left")
          .untilAsserted(() -> assertThat(incoming).isEmptyDirectory());
    }

    private void assertNoArtifacts(String job) {
      assertThat(artifacts().resolve(job)).doesNotExist();
    }

    private static List<String> statuses(String job) {
      List<CallbackReceiver.Received> all = callbacks.about(job);
      List<String> deliveries = all.stream().map(CallbackReceiver.Received::delivery).toList();
      return deliveries.stream()
          .distinct()
          .map(delivery -> all.get(deliveries.indexOf(delivery)).body().getString("status"))
          .toList();
    }

    /** Checks that the callback came once or more often, under one delivery id. */
    private static void assertToldOnce(String job, String status) {
      await("a callback about " + job).until(() -> !callbacks.about(job).isEmpty());
      assertThat(statuses(job)).containsExactly(status);
    }

    private void assertNoneHeld() {
      String types = ask("GET", "/api/userJob/getGpuType", new JsonObject()).body();
      assertThat(types).contains("\"gpuTotal\":2,\"gpuAllocatable\":2");
      assertThat(containers.ofStateDirectory(agent.stateDirectory())).isEmpty();
    }

    private static JsonObject id(String job) {
      return new JsonObject().put("job_id", job);
    }

    private static JsonObject body(String script) {
      return AgentUnderTest.body("/bin/sh -c '" + script + "'").put("callbackUrl", callbacks.url());
    }

    private static ConditionFactory await(String what) {
      return Awaitility.await(what)
          .atMost(SOON)
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(50));
    }

    @Override
    public void close() {
      agent.close();
      containers.ofStateDirectory(agent.stateDirectory()).forEach(containers::removeQuietly);
    }
  }
}
