package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A ledger is backed up while jobs come in. It is then damaged, the agent refuses to start with it,
 * and the backup is restored. Each command is a process of its own, as an administrator runs it.
 * Real Docker engine, local store.
 */
class BackupAndRestoreIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  private static final int QUEUED_BEFORE = 20;

  /** The largest number of jobs that come in during the backup. */
  private static final int QUEUED_MEANWHILE_LIMIT = 2_000;

  private static final Pattern COPIED =
      Pattern.compile("(?m)^(\\S+): ([0-9]+) jobs, ([0-9]+) of them not ended, ([0-9]+) bytes$");

  private static final Executor threads = task -> Thread.ofVirtual().start(task);

  @TempDir Path directory;

  private final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // created before each test
  private AgentProcess agent;

  @BeforeEach
  void start() {
    agent =
        new AgentProcess(
            directory,
            """
            gpu: { simulated: ["NVIDIA GeForce RTX 3090"] }
            docker: { host: "%s", gpu-access: none }
            jobs: { grace-period: 1s }
            """
                .formatted(TestEnvironment.require("DOCKER_HOST")),
            List.of());
    agent.start();
  }

  @AfterEach
  void end() {
    agent.close();
    containers.ofStateDirectory(agent.stateDirectory()).forEach(containers::removeQuietly);
  }

  @Test
  void aCopyMadeWhileJobsComeInTakesTheDamagedLedgersPlace() throws Exception {
    Path copy = directory.resolve("copy");
    // The only GPU goes to the first job, and the others wait.
    String running = create();
    awaitState(running, "RUNNING");
    List<String> before = new ArrayList<>();
    for (int count = 0; count < QUEUED_BEFORE; count++) {
      before.add(create());
    }
    awaitOwnBackup();

    AtomicBoolean copied = new AtomicBoolean();
    CompletableFuture<List<String>> creating =
        CompletableFuture.supplyAsync(() -> createUntil(copied), threads);
    AgentProcess.Ended backup = agent.run("backup", copy.toString());
    copied.set(true);
    List<String> meanwhile = creating.join();

    assertThat(backup.status()).as(backup.said()).isZero();
    Matcher told = COPIED.matcher(backup.said());
    assertThat(told.find()).as(backup.said()).isTrue();
    assertThat(told.group(1)).isEqualTo(copy.toString());
    long jobs = Long.parseLong(told.group(2));
    long known = before.size() + 1L;
    assertThat(meanwhile).isNotEmpty();
    assertThat(jobs).isBetween(known, known + meanwhile.size());
    assertThat(told.group(3)).isEqualTo(told.group(2));
    assertThat(Long.parseLong(told.group(4))).isEqualTo(Files.size(copy));

    agent.kill();
    Path ledger = agent.stateDirectory().resolve("ledger");
    // Nothing is lost with the index: it is built again.
    halve(ledger.resolve("index.mv"));
    agent.start();
    assertThat(detail(before.getFirst()).getString("state")).isEqualTo("QUEUED");

    agent.kill();
    Path snapshot = ledger.resolve("snapshot-0000000000000000");
    long half = halve(snapshot);
    assertStartIsRefused(ledger);
    assertThat(Files.size(snapshot)).isEqualTo(half);

    AgentProcess.Ended restore = agent.run("restore", copy.toString());
    assertThat(restore.status()).as(restore.said()).isZero();
    assertThat(restore.said())
        .contains(
            "restored %s: %d jobs, %d of them not ended; start the agent"
                .formatted(copy, jobs, jobs));

    agent.start();
    assertThat(ask("GET", "/health/ready", new JsonObject()).statusCode()).isEqualTo(200);
    for (String job : before) {
      assertThat(detail(job).getString("state")).isEqualTo("QUEUED");
    }
    assertThat(
            new JsonObject(ask("GET", "/api/userJob", new JsonObject()).body())
                .getLong("totalElements"))
        .isEqualTo(jobs);
    // Its container ran all the time, and the agent knows it.
    assertThat(detail(running).getString("state")).isEqualTo("RUNNING");
    assertThat(containers.running(running)).hasSize(1);
    assertThat(agent.jobDirectory(running).resolve("checkpoint/runs")).hasContent("run\n");
  }

  @Test
  void aCopyIsNotPutInPlaceUnderAnAgentThatRuns() {
    Path copy = directory.resolve("copy");
    String job = create();
    AgentProcess.Ended backup = agent.run("backup", copy.toString());
    assertThat(backup.status()).as(backup.said()).isZero();
    String later = create();

    AgentProcess.Ended restore = agent.run("restore", copy.toString());
    assertThat(restore.status()).as(restore.said()).isEqualTo(1);
    assertThat(restore.said())
        .contains("gpurunner: another agent already uses " + agent.stateDirectory(), "stop it");
    assertThat(detail(job).getString("status")).isEqualTo("working");
    agent.kill();
    agent.start();
    assertThat(detail(later).getString("status")).isEqualTo("working");
  }

  /**
   * Cuts the second half of a file off.
   *
   * @return the length that is left
   */
  private static long halve(Path file) throws IOException {
    long half = Files.size(file) / 2;
    try (FileChannel cut = FileChannel.open(file, StandardOpenOption.WRITE)) {
      cut.truncate(half);
    }
    return half;
  }

  /** Checks that the agent refuses to start, and that the backup that its message names exists. */
  private void assertStartIsRefused(Path ledger) {
    agent.start();
    AgentProcess.Ended refused = agent.awaitEnd();
    assertThat(refused.status()).as(refused.said()).isEqualTo(1);
    assertThat(refused.said()).contains("the ledger " + ledger + " ");
    Matcher named =
        Pattern.compile(
                Pattern.quote("gpurunner restore ")
                    + "("
                    + Pattern.quote(agent.stateDirectory().resolve("backups") + "/ledger-")
                    + "\\S+)")
            .matcher(refused.said());
    assertThat(named.find()).as(refused.said()).isTrue();
    assertThat(Path.of(named.group(1))).isRegularFile();
  }

  /** Waits for the backup that the agent makes at a start without one. */
  private void awaitOwnBackup() {
    Path backups = agent.stateDirectory().resolve("backups");
    await("the agent's own backup")
        .until(
            () -> {
              try (Stream<Path> files = Files.list(backups)) {
                return files.anyMatch(file -> !file.toString().endsWith(".part"));
              } catch (IOException notYet) {
                return false;
              }
            });
  }

  private List<String> createUntil(AtomicBoolean copied) {
    List<String> created = new ArrayList<>();
    while (!copied.get() && created.size() < QUEUED_MEANWHILE_LIMIT) {
      created.add(create());
    }
    return created;
  }

  private String create() {
    HttpResponse<String> answer =
        ask(
            "POST",
            "/api/userJob",
            AgentUnderTest.body("/bin/sh -c 'echo run >> $CKPT_PATH/runs; sleep 600'"));
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body()).getString("job_id");
  }

  private HttpResponse<String> ask(String method, String path, JsonObject body) {
    return agent.ask(method, path, body, Map.of());
  }

  private JsonObject detail(String job) {
    HttpResponse<String> answer = ask("GET", "/api/userJob/" + job, new JsonObject());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  private void awaitState(String job, String state) {
    await(job + " to be " + state).until(() -> detail(job).getString("state"), state::equals);
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what).atMost(SOON).pollInterval(Duration.ofMillis(100));
  }
}
