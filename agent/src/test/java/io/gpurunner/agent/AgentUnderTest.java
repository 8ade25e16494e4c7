package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.agent.config.AgentConfig;
import io.gpurunner.agent.config.ConfigFile;
import io.gpurunner.agent.faultinjection.FaultPoints;
import io.gpurunner.api.DocumentedExchanges;
import io.gpurunner.api.JwtSecret;
import io.gpurunner.api.TokenIssuer;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/** An agent in this process, with real parts. Tests use it over HTTP, as clients do. */
final class AgentUnderTest implements AutoCloseable {
  /** The GPU type in the guide's example body. */
  static final String GPU_TYPE = "NVIDIA-GeForce-RTX-3090";

  private static final Duration READY_LIMIT = Duration.ofMinutes(3);

  private final HttpClient http = HttpClient.newHttpClient();
  private final AgentConfig config;
  private final int port;
  private final FaultPoints faults;
  private Agent agent;

  /**
   * @param store the {@code store:} section of the configuration
   * @param gpu the {@code gpu:} section of the configuration
   */
  AgentUnderTest(Path directory, String store, String gpu, String bootId) {
    this(
        directory,
        store,
        gpu,
        TestEnvironment.require("DOCKER_HOST"),
        bootId,
        FaultPoints.ofThisProcess());
  }

  /** Starts an agent that uses another Docker engine and has fault points. */
  AgentUnderTest(
      Path directory,
      String store,
      String gpu,
      String dockerHost,
      String bootId,
      FaultPoints faults) {
    this.port = TestEnvironment.freePort();
    this.faults = faults;
    String yaml =
        """
        state-dir: %s
        http: { port: %d }
        gpu: %s
        docker: { host: "%s", gpu-access: none }
        jobs: { grace-period: 2s }
        volumes: { enforcement: watch }
        library: { datasets: %s, models: %s }
        store: %s
        callbacks: { allow: [127.0.0.1] }
        """
            .formatted(
                directory.resolve("state"),
                port,
                gpu,
                dockerHost,
                directory.resolve("datasets"),
                directory.resolve("models"),
                store);
    try {
      Files.createDirectories(directory);
      config = ConfigFile.load(Files.writeString(directory.resolve("gpurunner.yaml"), yaml));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    agent = Agent.start(config, bootId, faults);
  }

  /** Returns the directory of the data sets that jobs may name. */
  Path datasets() {
    return config.library().datasets();
  }

  static String simulatedGpus() {
    return "{ simulated: [\"NVIDIA GeForce RTX 3090\", \"NVIDIA GeForce RTX 3090\", \"NVIDIA"
        + " GeForce RTX 3090\", \"NVIDIA GeForce RTX 3090\"] }";
  }

  /**
   * Returns the {@code store:} section for the S3 server of this test run, with retries for 6 s.
   */
  static String s3Store(URI endpoint) {
    return s3Store(endpoint, "6s");
  }

  /** Returns the {@code store:} section for an S3 server, with that retry time. */
  static String s3Store(URI endpoint, String retryFor) {
    return """
    { type: s3, retry-for: %s, s3: { endpoint: "%s", region: %s, bucket: %s, access-key-file: %s, secret-key-file: %s } }\
    """
        .formatted(
            retryFor,
            endpoint,
            TestEnvironment.require("GPURUNNER_TEST_S3_REGION"),
            TestEnvironment.require("GPURUNNER_TEST_S3_BUCKET"),
            TestEnvironment.require("GPURUNNER_TEST_S3_ACCESS_KEY_FILE"),
            TestEnvironment.require("GPURUNNER_TEST_S3_SECRET_KEY_FILE"));
  }

  static URI s3Endpoint() {
    return URI.create(TestEnvironment.require("GPURUNNER_TEST_S3_ENDPOINT"));
  }

  /** Returns the beginning of all its URLs. */
  String url() {
    return "http://127.0.0.1:" + port;
  }

  AgentConfig config() {
    return config;
  }

  /** Stops the agent and starts it again under this boot id. Containers continue to run. */
  void restart(String bootId) {
    stop();
    start(bootId);
  }

  /** Stops the agent. Containers continue to run. */
  void stop() {
    agent.close();
  }

  /** Starts the agent after {@link #stop} under this boot id, and waits until it is ready. */
  void start(String bootId) {
    startUnready(bootId);
    awaitReady();
  }

  /** Starts the agent after {@link #stop} under this boot id, and does not wait. */
  void startUnready(String bootId) {
    agent = Agent.start(config, bootId, faults);
  }

  void awaitReady() {
    Awaitility.await()
        .atMost(READY_LIMIT)
        .pollInterval(Duration.ofMillis(50))
        .until(() -> get("/health/ready").statusCode() == 200);
  }

  String token(String user) {
    return token(user, false);
  }

  private String token(String user, boolean admin) {
    JwtSecret secret = new JwtSecret(SecretFiles.loadOrCreate(config.auth().secretFile()));
    return new TokenIssuer(secret)
        .issue(user, admin, UUID.randomUUID().toString(), Instant.now(), Optional.empty());
  }

  /** Returns the guide's example body, with the image of the test run and this command. */
  static JsonObject body(String runCommand) {
    return new JsonObject()
        .put("gpuNumber", 1)
        .put("gpuType", GPU_TYPE)
        .put("ckptPath", "/data")
        .put("ckptVol", "100")
        .put("modelPath", "/data2")
        .put("modelVol", "100")
        .put("imagePath", TestEnvironment.require("GPURUNNER_TEST_IMAGE"))
        .put("jobType", "GeneralJob")
        .put("stopType", "0")
        .put("runCommand", runCommand)
        .put("env", new JsonObject(Map.of("OPEN_NODE_TOKEN", "9999")));
  }

  HttpResponse<String> get(String path) {
    return send(HttpRequest.newBuilder(uri(path)).GET());
  }

  /** Returns the agent's readiness as an admin reads it. */
  HttpResponse<String> readiness() {
    return send(HttpRequest.newBuilder(uri("/health/ready")).GET(), token("root", true));
  }

  HttpResponse<String> post(String path, JsonObject body) {
    return send(
        HttpRequest.newBuilder(uri(path)).POST(HttpRequest.BodyPublishers.ofString(body.encode())));
  }

  /** Sends a request with Ann's token. */
  private HttpResponse<String> send(HttpRequest.Builder request) {
    return send(request, token("ann"));
  }

  private HttpResponse<String> send(HttpRequest.Builder request, String token) {
    HttpRequest sent =
        request.header("Authorization", "Bearer " + token).timeout(Duration.ofSeconds(30)).build();
    try {
      HttpResponse<String> answer = http.send(sent, HttpResponse.BodyHandlers.ofString());
      DocumentedExchanges.ofTheDocument().check(sent, answer, Buffer.buffer(answer.body()));
      return answer;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  /** Returns the lines of the events that an admin gets, from now on. The caller closes them. */
  Stream<String> eventsOfAnAdmin() {
    HttpRequest request =
        HttpRequest.newBuilder(uri("/api/events"))
            .header("Authorization", "Bearer " + token("root", true))
            .build();
    try {
      HttpResponse<Stream<String>> answer = http.send(request, HttpResponse.BodyHandlers.ofLines());
      assertThat(answer.statusCode()).isEqualTo(200);
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private URI uri(String path) {
    return URI.create(url() + path);
  }

  /** Creates a job and returns its id. */
  String create(JsonObject body) {
    HttpResponse<String> answer = post("/api/userJob", body);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body()).getString("job_id");
  }

  JsonObject status(String jobId) {
    HttpResponse<String> answer =
        post("/api/userJob/job_status", new JsonObject().put("job_id", jobId));
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  JsonObject detail(String jobId) {
    HttpResponse<String> answer = get("/api/userJob/" + jobId);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  void awaitState(String jobId, String state, Duration limit) {
    Awaitility.await(jobId + " to be " + state)
        .atMost(limit)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> detail(jobId).getString("state"), state::equals);
  }

  /** Waits until the job has ended and returns its status. */
  JsonObject awaitEnd(String jobId, Duration limit) {
    Awaitility.await(jobId + " to end")
        .atMost(limit)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> status(jobId).getString("status"), word -> !word.equals("working"));
    return status(jobId);
  }

  /** Fetches a URL as a client that has only the URL. */
  byte[] fetch(String url) {
    try {
      HttpResponse<byte[]> answer =
          http.send(
              HttpRequest.newBuilder(URI.create(url)).build(),
              HttpResponse.BodyHandlers.ofByteArray());
      assertThat(answer.statusCode()).isEqualTo(200);
      return answer.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  /** Returns a job's directory on this machine. */
  Path jobDirectory(String jobId) {
    return config.stateDir().resolve("jobs").resolve(jobId);
  }

  @Override
  public void close() {
    agent.close();
    http.close();
  }
}
