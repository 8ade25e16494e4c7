package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.api.TokenIssuer;
import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code gpurunner serve} in a process of its own, which is killed, or asked to stop. Real Docker
 * engine, local store.
 */
class ServeIT {
  private static final Duration SOON = Duration.ofMinutes(3);

  @TempDir Path directory;

  private final HttpClient http = HttpClient.newHttpClient();
  private final int port = TestEnvironment.freePort();
  private final Map<String, String> environment = new HashMap<>();
  private final List<Process> started = new ArrayList<>();
  private final List<String> jobs = new ArrayList<>();
  private final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // written before each test
  private Path config;

  @BeforeEach
  void writeConfig() throws IOException {
    config =
        Files.writeString(
            directory.resolve("gpurunner.yaml"),
            """
            state-dir: %s
            http: { port: %d }
            gpu: { simulated: ["NVIDIA GeForce RTX 3090"] }
            docker: { host: "%s", gpu-access: none }
            jobs: { grace-period: 1s }
            volumes: { enforcement: watch }
            """
                .formatted(
                    directory.resolve("state"), port, TestEnvironment.require("DOCKER_HOST")));
  }

  @AfterEach
  void endAll() throws InterruptedException {
    for (Process process : started) {
      process.destroyForcibly();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
    jobs.forEach(job -> containers.of(job).forEach(containers::removeQuietly));
    http.close();
  }

  private Process serve() {
    try {
      String classPath =
          Optional.ofNullable(System.getProperty("surefire.test.class.path"))
              .orElse(System.getProperty("java.class.path"));
      ProcessBuilder builder =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--enable-native-access=ALL-UNNAMED",
                  "-XX:+UseSerialGC",
                  "-cp",
                  classPath,
                  "io.gpurunner.agent.Main",
                  "serve",
                  "--config",
                  config.toString())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("agent-" + started.size() + ".log").toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      started.add(process);
      return process;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Process serveReady() {
    Process process = serve();
    Awaitility.await("the agent to be ready")
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(50))
        .until(
            () -> {
              try {
                return ask("GET", "/health/ready", "").statusCode() == 200;
              } catch (UncheckedIOException e) {
                assertThat(e.getCause()).isInstanceOf(ConnectException.class);
                assertThat(process.isAlive()).as(log(started.size() - 1)).isTrue();
                return false;
              }
            });
    return process;
  }

  private String log(int number) {
    try {
      return Files.readString(directory.resolve("agent-" + number + ".log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private HttpResponse<String> ask(String method, String path, String body) {
    try {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
              .method(method, HttpRequest.BodyPublishers.ofString(body));
      Path secret = directory.resolve("state/secrets/jwt.key");
      if (Files.exists(secret)) {
        request.header(
            "Authorization",
            "Bearer "
                + new TokenIssuer(new JwtSecret(SecretFiles.loadOrCreate(secret)))
                    .issue(
                        "ann",
                        false,
                        UUID.randomUUID().toString(),
                        Instant.now(),
                        Optional.empty()));
      }
      return http.send(request.timeout(SOON).build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private String create(String runCommand, int gpus) {
    HttpResponse<String> answer =
        ask(
            "POST",
            "/api/userJob",
            AgentUnderTest.body(runCommand).put("gpuNumber", gpus).encode());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    String id = new JsonObject(answer.body()).getString("job_id");
    jobs.add(id);
    return id;
  }

  private JsonObject detail(String job) {
    HttpResponse<String> answer = ask("GET", "/api/userJob/" + job, "");
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  private void awaitState(String job, String state) {
    Awaitility.await(job + " to be " + state)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(50))
        .until(() -> detail(job).getString("state"), state::equals);
  }

  private static void kill(Process process) throws InterruptedException {
    // destroyForcibly sends SIGKILL.
    process.destroyForcibly();
    assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aJobOutlivesAKilledAgentAndIsFinishedByTheNext() throws Exception {
    Process first = serveReady();
    String job =
        create(
            "/bin/sh -c 'echo w > $MODEL_PATH/ds_model.bin; while [ ! -e $CKPT_PATH/go ]; do sleep"
                + " 0.1; done'",
            1);
    awaitState(job, "RUNNING");
    String container = containers.first(job);
    kill(first);
    Files.writeString(directory.resolve("state/jobs").resolve(job).resolve("checkpoint/go"), "");
    serveReady();
    awaitState(job, "SUCCEEDED");
    assertThat(container).isEqualTo("gpurunner-" + job + "-1");
    assertThat(
            detail(job).getJsonArray("events").stream()
                .filter(event -> ((JsonObject) event).getString("kind").equals("started")))
        .hasSize(1);
    assertThat(containers.of(job)).isEmpty();
  }

  @Test
  void aJobThatWasAnsweredIsThereAfterAKillInTheSameInstant() throws Exception {
    for (int round = 0; round < 5; round++) {
      Process process = serveReady();
      // The only GPU goes to the first job, and the others wait.
      String job = create("sleep 600", 1);
      kill(process);
      serveReady();
      assertThat(detail(job).getString("status")).isEqualTo("working");
      kill(started.getLast());
    }
    serveReady();
    jobs.forEach(
        job -> ask("POST", "/api/userJob/job_del", new JsonObject().put("job_id", job).encode()));
    jobs.forEach(job -> awaitState(job, "DELETED"));
  }

  @Test
  void anAgentThatIsToldToEndLeavesItsContainersRunning() throws Exception {
    Process first = serveReady();
    String job = create("sleep 600", 0);
    awaitState(job, "RUNNING");
    first.destroy();
    assertThat(first.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(log(0)).contains("gpurunner stopped");
    assertThat(containers.of(job)).hasSize(1);
    serveReady();
    assertThat(detail(job).getString("state")).isEqualTo("RUNNING");
  }

  private static final String RECEIVER =
      """
      import socket, sys
      receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      receiver.bind(sys.argv[1])
      print("bound", flush=True)
      while True:
          print(receiver.recv(4096).decode(), flush=True)
      """;

  @Test
  void aServiceManagerIsAskedForTimeAndToldOfStartAndEnd() throws Exception {
    String address = directory.resolve("notify").toString();
    Process receiver = new ProcessBuilder("python3", "-c", RECEIVER, address).start();
    started.add(receiver);
    try (BufferedReader received = receiver.inputReader()) {
      assertThat(received.readLine()).isEqualTo("bound");
      environment.put("NOTIFY_SOCKET", address);
      Process agent = serve();
      assertThat(received.readLine()).startsWith("EXTEND_TIMEOUT_USEC=");
      List<String> messages = new ArrayList<>();
      do {
        messages.add(String.valueOf(received.readLine()));
      } while (messages.getLast().startsWith("EXTEND_TIMEOUT_USEC=")); // on a slow machine
      assertThat(messages.getLast()).isEqualTo("READY=1");
      agent.destroy();
      assertThat(agent.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(received.readLine()).isEqualTo("STOPPING=1");
    }
  }

  @Test
  void aSecondAgentOnTheSameStateDirectoryRefusesToStart() throws Exception {
    serveReady();
    Process second = serve();
    assertThat(second.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(second.exitValue()).isEqualTo(1);
    assertThat(log(1)).contains("another agent already uses " + directory.resolve("state"));
    assertThat(ask("GET", "/health/ready", "").statusCode()).isEqualTo(200);
  }

  @Test
  void anAddressInUseIsNamed() throws Exception {
    serveReady();
    Files.writeString(config, Files.readString(config).replace("/state\n", "/other-state\n"));
    Process second = serve();
    assertThat(second.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(second.exitValue()).isEqualTo(1);
    assertThat(log(1))
        .contains("cannot listen on 127.0.0.1 port " + port)
        .contains("Address already in use");
  }
}
