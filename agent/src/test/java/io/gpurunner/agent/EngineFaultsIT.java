package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.docker.PrivateEngine;
import io.gpurunner.agent.container.docker.TinyRegistry;
import io.gpurunner.agent.faultinjection.FaultPoints;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The container engine goes down while jobs are pulling, running and being stopped, and comes back.
 * No job runs twice, and the agent reports no end that a job did not have. The engine is a real one
 * for this test only.
 */
class EngineFaultsIT {
  private static final Duration SOON = Duration.ofMinutes(3);
  private static final List<String> LIVE_RESTORE = List.of("--live-restore");

  private static final String STARTED = "echo run >> $CKPT_PATH/runs; ";
  private static final String WAIT = "while [ ! -e $CKPT_PATH/go ]; do sleep 0.1; done; ";

  private static final String DEAF =
      "/bin/sh -c 'trap \"\" TERM; " + STARTED + WAIT + "echo end >> $CKPT_PATH/ended'";

  private static final String NOT_KNOWN = "whether the job ran is not known";

  private static final int END_TRIES = 6;

  /** The job's program has begun, and the engine has not recorded that yet. */
  private static final String BEGUN = "begun";

  /** The engine has begun to create the container, on its disk. */
  private static final String CREATING = "creating";

  /** The engine has begun to start the container: it has a process. */
  private static final String STARTING = "starting";

  /** The engine has begun to remove the container: its directory is gone. */
  private static final String REMOVING = "removing";

  private static final List<String> MOMENTS =
      List.of(
          CREATING,
          "containers.create.after",
          "containers.start.before",
          STARTING,
          STARTING,
          "containers.start.after",
          "containers.askToStop.before",
          "containers.askToStop.after",
          "containers.remove.before",
          REMOVING,
          "containers.remove.after");

  /** How often the test kills an engine as the program begins, until the engine lost a start. */
  private static final int BEGUN_TRIES = 12;

  private volatile Consumer<String> atPoint = _ -> {};

  /** The path is short, because a socket's path has at most 107 characters. */
  @TempDir(factory = ShortTemporaryDirectory.class)
  private Path directory;

  @SuppressWarnings("NullAway.Init") // created before each test
  private TestBridge bridge;

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
    bridge = new TestBridge();
    engine = PrivateEngine.onBridge(Files.createDirectory(directory.resolve("d")), bridge.name());
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
            "boot-1",
            FaultPoints.calling(point -> atPoint.accept(point)));
    agent.awaitReady();
  }

  @AfterEach
  void stop() throws Exception {
    agent.close();
    registry.close();
    engine.close();
    bridge.delete();
  }

  private void restartEngine(List<String> options) throws IOException {
    engine.stop();
    engine.start(options);
    agent.awaitReady();
  }

  @Test
  void underAnEngineWithLiveRestoreJobsGoOn() throws Exception {
    Jobs jobs = new Jobs();
    String waiting = running("echo weights > $MODEL_PATH/ds_model.bin; " + WAIT);
    jobs.beginPullAndStop();

    engine.kill();
    jobs.endWhileNobodyLooks();
    engine.start(LIVE_RESTORE);
    registry.release();

    jobs.assertTrueEnds();
    assertThat(agent.detail(waiting).getString("state")).isEqualTo("RUNNING");
    go(waiting);
    assertEnd(waiting, "SUCCEEDED", "");
    assertThat(agent.detail(waiting).getString("url")).isNotNull();
  }

  /** The engine is killed, or stopped in order, as for an update. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void underAnEngineWithoutLiveRestoreJobsFailAndNoneIsTakenForDone(boolean killed)
      throws Exception {
    restartEngine(List.of());
    Jobs jobs = new Jobs();
    String waiting = running(WAIT);
    String saving =
        running(
            "trap \"echo half > $MODEL_PATH/ds_model.bin; exit 0\" TERM; touch $CKPT_PATH/ready; "
                + WAIT);
    Awaitility.await("the trap to be set")
        .atMost(SOON)
        .until(() -> Files.exists(checkpoint(saving).resolve("ready")));
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
    assertEnd(waiting, "FAILED", "exit code 137");
    assertEnd(saving, "FAILED", "exit code 137");
    assertThat(agent.config().stateDir().resolve("artifacts").resolve(saving)).doesNotExist();
  }

  /**
   * The engine is killed while it does what the agent asked for, before it could record that. If it
   * loses a start this way, a program runs in a container that the next engine believes was never
   * started (docs/adr/010).
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void killedAtAnyMomentItLeavesNoJobRunTwiceAndNoProcess(boolean liveRestore) throws Exception {
    List<String> options = liveRestore ? LIVE_RESTORE : List.of();
    restartEngine(options);
    for (String moment : MOMENTS) {
      killAndJudge(moment, liveRestore, options);
    }
    int lostStarts = 0;
    for (int tries = 0; lostStarts == 0 && tries < BEGUN_TRIES; tries++) {
      JsonObject detail = killAndJudge(BEGUN, liveRestore, options);
      lostStarts += detail.getString("reason", "").contains(NOT_KNOWN) ? 1 : 0;
    }
    assertThat(lostStarts).as("starts that the engine lost").isPositive();
  }

  private JsonObject killAndJudge(String moment, boolean liveRestore, List<String> options)
      throws Exception {
    agent.awaitReady();
    int containersBefore = engine.containerDirectories().size();
    Point point = awaitPoint(moment);
    String job = agent.create(AgentUnderTest.body(DEAF).put("gpuNumber", 0));
    killAt(moment, point, job, containersBefore);
    engine.start(options);
    if (!moment.startsWith("containers.askToStop")) {
      goOnceItRuns(job);
    }
    agent.awaitEnd(job, SOON);
    assertTrueEnd(job, moment, liveRestore);
    return agent.detail(job);
  }

  /**
   * The engine is killed after it fetched the exit code, so that nobody else can, and before it
   * recorded it. The next engine then says that the container ended with 0 (docs/adr/010).
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void killedAsAJobFailsItMakesNoSuccessOfIt(boolean liveRestore) throws Exception {
    List<String> options = liveRestore ? LIVE_RESTORE : List.of();
    restartEngine(options);
    for (int tries = 0; tries < END_TRIES; tries++) {
      agent.awaitReady();
      String job = running(WAIT + "echo end >> $CKPT_PATH/ended; exit 3");
      Path task = engine.taskOf(containers.id(job));
      assertThat(task).exists();
      go(job);
      spinUntil("the exit code to be fetched", () -> Files.notExists(task));
      engine.kill();
      engine.start(options);
      agent.awaitEnd(job, SOON);
      JsonObject detail = agent.detail(job);
      assertThat(detail.getString("state")).as(detail.encode()).isEqualTo("FAILED");
      assertThat(detail.getString("reason")).containsPattern("exit code (3|255|137)");
      assertThat(containers.of(job)).isEmpty();
    }
  }

  /** Waits without any pause, so that the condition is seen at once. */
  private static void spinUntil(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + SOON.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  /** A point of {@link FaultPoints} that the agent passes before a moment. */
  private record Point(
      String name, CompletableFuture<Boolean> reached, CompletableFuture<Boolean> killed) {}

  /** Arranges that the next time the agent reaches the point of a moment is noticed. */
  private Point awaitPoint(String moment) {
    String name =
        switch (moment) {
          case CREATING -> "containers.create.before";
          case STARTING, BEGUN -> "containers.start.before";
          case REMOVING -> "containers.remove.before";
          default -> moment;
        };
    Point point = new Point(name, new CompletableFuture<>(), new CompletableFuture<>());
    atPoint =
        here -> {
          if (here.equals(name) && point.reached.complete(true) && moment.equals(name)) {
            kill(point.killed);
          }
        };
    return point;
  }

  /** Kills the engine at the moment. The moment must come. */
  private void killAt(String moment, Point point, String job, int containersBefore)
      throws Exception {
    if (!point.name.startsWith("containers.create") && !point.name.startsWith("containers.start")) {
      agent.awaitState(job, "RUNNING", SOON);
      if (point.name.startsWith("containers.askToStop")) {
        agent.post("/api/userJob/job_del", new JsonObject().put("job_id", job));
      } else {
        go(job);
      }
    }
    point.reached.get(SOON.toSeconds(), TimeUnit.SECONDS);
    switch (moment) {
      case CREATING ->
          killOnce(
              point.killed, moment, () -> engine.containerDirectories().size() > containersBefore);
      case STARTING -> {
        String id = containers.id(job);
        killOnce(point.killed, moment, () -> PrivateEngine.hasProcesses(id));
      }
      case BEGUN -> killOnce(point.killed, moment, () -> Files.exists(runs(job)));
      case REMOVING ->
          killOnce(
              point.killed, moment, () -> engine.containerDirectories().size() == containersBefore);
      default -> {}
    }
    point.killed.get(SOON.toSeconds(), TimeUnit.SECONDS);
    atPoint = _ -> {};
  }

  private void killOnce(
      CompletableFuture<Boolean> killed, String moment, BooleanSupplier condition) {
    spinUntil(moment, condition);
    kill(killed);
  }

  /**
   * Lets the program end, after the agent knows that it runs or has ended the job. If the agent
   * does not know that the program runs, the agent must end it.
   */
  private void goOnceItRuns(String job) throws IOException {
    Awaitility.await(job + " to run or end")
        .atMost(SOON)
        .until(
            () ->
                agent.detail(job).getString("state").equals("RUNNING")
                    || !agent.status(job).getString("status").equals("working"));
    go(job);
  }

  private void kill(CompletableFuture<Boolean> killed) {
    try {
      engine.kill();
      killed.complete(true);
    } catch (IOException | RuntimeException | AssertionError e) {
      killed.completeExceptionally(e);
    }
  }

  private void assertTrueEnd(String job, String moment, boolean liveRestore) throws IOException {
    JsonObject detail = agent.detail(job);
    String state = detail.getString("state");
    String reason = detail.getString("reason", "");
    String what = moment + ": " + detail.encode();
    List<String> runs = Files.exists(runs(job)) ? Files.readAllLines(runs(job)) : List.of();
    assertThat(runs).as(what).hasSizeLessThanOrEqualTo(1);
    assertThat(containers.of(job)).as(what).isEmpty();
    assertThat(processesOf(job)).as(what).isEmpty();
    switch (moment) {
      case "containers.start.before" -> {
        assertThat(runs).as(what).isEmpty();
        assertThat(reason).as(what).contains(NOT_KNOWN);
      }
      case CREATING,
          "containers.create.after",
          "containers.remove.before",
          REMOVING,
          "containers.remove.after" ->
          assertThat(state).as(what).isEqualTo("SUCCEEDED");
      case "containers.askToStop.before", "containers.askToStop.after" ->
          assertThat(state).as(what).isEqualTo("DELETED");
      default -> {}
    }
    if (state.equals("SUCCEEDED")) {
      assertThat(checkpoint(job).resolve("ended")).as(what).exists();
    } else if (!state.equals("DELETED")) {
      assertThat(state).as(what).isEqualTo("FAILED");
      // Without live restore the next engine ends the containers that it finds running. It reports
      // their exit code, or has lost it.
      assertThat(reason)
          .as(what)
          .containsPattern(NOT_KNOWN + (liveRestore ? "" : "|exit code (137|255)"));
    }
  }

  /** Returns the processes that have the job's directories mounted. */
  private static List<Long> processesOf(String job) {
    return ProcessHandle.allProcesses()
        .map(ProcessHandle::pid)
        .filter(
            pid -> {
              try {
                return Files.readString(Path.of("/proc/" + pid + "/mountinfo")).contains(job);
              } catch (IOException ended) {
                return false;
              }
            })
        .toList();
  }

  /** Creates a job without GPUs, and waits until its program has begun. */
  private String running(String script) {
    String job =
        agent.create(
            AgentUnderTest.body("/bin/sh -c '" + STARTED + script + "'").put("gpuNumber", 0));
    agent.awaitState(job, "RUNNING", SOON);
    Awaitility.await(job + " to have begun").atMost(SOON).until(() -> Files.exists(runs(job)));
    return job;
  }

  /** Checks that the job came to this end after one run, and has no container. */
  private void assertEnd(String job, String state, String reason) throws IOException {
    agent.awaitEnd(job, SOON);
    JsonObject detail = agent.detail(job);
    assertThat(detail.getString("state")).as(detail.encode()).isEqualTo(state);
    assertThat(detail.getString("reason", "")).contains(reason);
    assertThat(Files.readAllLines(runs(job))).hasSize(1);
    assertThat(containers.of(job)).isEmpty();
  }

  private void go(String job) throws IOException {
    Files.writeString(checkpoint(job).resolve("go"), "");
  }

  private Path checkpoint(String job) {
    return agent.jobDirectory(job).resolve("checkpoint");
  }

  private Path runs(String job) {
    return checkpoint(job).resolve("runs");
  }

  /** Four jobs: one succeeds, one fails, one is being stopped, and one is pulling its image. */
  private final class Jobs {
    private final String good;
    private final String bad;
    private String stopped = "";
    private String pulling = "";

    Jobs() {
      good = running(WAIT + "echo end >> $CKPT_PATH/ended");
      bad = running(WAIT + "echo end >> $CKPT_PATH/ended; exit 3");
    }

    void beginPullAndStop() throws Exception {
      // Its program is not in the image. Exit code 127 shows that it was run.
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
  }
}
