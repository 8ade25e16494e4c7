package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.LoadJob.Kind;
import io.gpurunner.agent.auth.SecretFiles;
import io.gpurunner.storage.FaultProxy;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Several users post 500 jobs of every kind at once, while the store and one receiver of callbacks
 * are slow. Each job ends as its program did, and each callback comes. The agent, a process of its
 * own, holds no more resources afterwards than before. Real Docker engine, real S3 server.
 */
class LoadIT {
  /** The number of connections that a busy platform keeps open. */
  private static final int CLIENTS = 16;

  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(60);

  /** Long, because two processors are shared with the engine and the S3 server. */
  private static final Duration END_LIMIT = Duration.ofMinutes(15);

  private static final Duration QUIET_LIMIT = Duration.ofMinutes(3);

  private static final Duration SLOW_CALLBACK = Duration.ofSeconds(1);

  private static final long SLOW_STORE_BYTES_PER_SECOND = 512L << 10;

  /** How many more threads and handles an idle agent may have, because pools grow on demand. */
  private static final int SLACK = 12;

  /** The memory that 500 ended jobs may take: their standings, and pages of the index. */
  private static final long MEMORY_SLACK_BYTES = 16L << 20;

  private static final List<String> USERS = List.of("ann", "ben", "cho", "dan", "eva");

  @TempDir private Path directory;

  private final HttpClient http = HttpClient.newHttpClient();
  private final ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
  private final CallbackReceiver prompt = new CallbackReceiver();
  private final CallbackReceiver slow = new CallbackReceiver();
  private final FaultProxy s3 = new FaultProxy(AgentUnderTest.s3Endpoint());
  private final Containers containers = new Containers();
  private final Map<String, String> tokens = new LinkedHashMap<>();

  @SuppressWarnings("NullAway.Init") // started before each test
  private AgentProcess agent;

  @SuppressWarnings("NullAway.Init") // read after the agent has started
  private byte[] callbackKey;

  @BeforeEach
  void start() {
    slow.answerAfter(SLOW_CALLBACK);
    s3.slowAll(SLOW_STORE_BYTES_PER_SECOND);
    agent =
        new AgentProcess(
            directory,
            """
            gpu: %s
            docker: { host: "%s", gpu-access: none }
            jobs: { grace-period: 2s }
            store: %s
            callbacks: { allow: [127.0.0.1] }
            """
                .formatted(
                    AgentUnderTest.simulatedGpus(),
                    TestEnvironment.require("DOCKER_HOST"),
                    AgentUnderTest.s3Store(s3.uri(), "1h")),
            List.of("-Xmx512m"));
    agent.start();
    assertThat(agent.ask("GET", "/health/ready", new JsonObject(), Map.of()).statusCode())
        .isEqualTo(200);
    USERS.forEach(user -> tokens.put(user, agent.token(user).orElseThrow()));
    callbackKey = SecretFiles.loadOrCreate(agent.stateDirectory().resolve("secrets/callback.key"));
  }

  @AfterEach
  void stop() {
    clients.shutdown();
    agent.close();
    containers.ofStateDirectory(agent.stateDirectory()).forEach(containers::removeQuietly);
    prompt.close();
    slow.close();
    s3.close();
    http.close();
  }

  @Test
  void fiveHundredMixedJobsEndAsTheirProgramsDid() {
    List<LoadJob> first = jobs(LoadJob.WARM_UP, "first");
    post(first);
    awaitEnds(first);
    assertNothingIsLeftOf(first);
    AgentFootprint before = AgentFootprint.of(agent.pid());

    List<LoadJob> jobs = jobs(LoadJob.LOAD, "load");
    assertThat(jobs).hasSize(500);
    AtomicBoolean ended = new AtomicBoolean();
    CompletableFuture<Void> asking = CompletableFuture.runAsync(() -> askUntil(ended, first));
    try {
      post(jobs);
      awaitEnds(jobs);
    } finally {
      ended.set(true);
    }
    asking.join();
    assertEndedAsTheirProgramsDid(jobs);
    jobs.forEach(this::assertCalledBackAbout);
    assertNothingIsLeftOf(jobs);
    assertThat(totalOf("ann"))
        .isEqualTo(
            jobs.stream().filter(job -> job.user().equals("ann")).count()
                + first.stream().filter(job -> job.user().equals("ann")).count());

    Awaitility.await("the agent to hold no more than before: " + before)
        .atMost(QUIET_LIMIT)
        .pollInterval(Duration.ofSeconds(2))
        .untilAsserted(
            () -> {
              AgentFootprint now = AgentFootprint.of(agent.pid());
              assertThat(now.threads()).as(now.toString()).isLessThan(before.threads() + SLACK);
              assertThat(now.handles()).as(now.toString()).isLessThan(before.handles() + SLACK);
              assertThat(now.heapBytes())
                  .as(now.toString())
                  .isLessThan(before.heapBytes() + MEMORY_SLACK_BYTES);
            });
  }

  // ---- posting

  /** Returns jobs of each kind in a mixed order, which is the same in every test run. */
  private List<LoadJob> jobs(Map<Kind, Integer> numbers, String keys) {
    List<Kind> kinds = new ArrayList<>();
    numbers.forEach((kind, number) -> kinds.addAll(Collections.nCopies(number, kind)));
    Collections.shuffle(kinds, new Random(1));
    List<LoadJob> jobs = new ArrayList<>();
    for (Kind kind : kinds) {
      int number = jobs.size();
      CallbackReceiver receiver = number % 8 == 0 ? slow : prompt;
      jobs.add(new LoadJob(kind, USERS.get(number % USERS.size()), keys + "-" + number, receiver));
    }
    return jobs;
  }

  /** Sends every fifth job twice, as a client does that got no answer. */
  private void post(List<LoadJob> jobs) {
    List<CompletableFuture<Void>> sent = new ArrayList<>();
    for (LoadJob job : jobs) {
      sent.add(CompletableFuture.runAsync(() -> post(job), clients));
      if (sent.size() % 5 == 0) {
        sent.add(CompletableFuture.runAsync(() -> post(job), clients));
      }
    }
    sent.forEach(CompletableFuture::join);
    Set<String> ids = new HashSet<>();
    jobs.forEach(job -> assertThat(ids.add(job.id())).isTrue());
  }

  private void post(LoadJob job) {
    HttpResponse<String> answer =
        ask(job.user(), "POST", "/api/userJob", job.body(), Map.of("Idempotency-Key", job.key()));
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    job.isKnownAs(new JsonObject(answer.body()).getString("job_id"));
    if (job.kind() == Kind.DELETED) {
      HttpResponse<String> deletion =
          ask(job.user(), "POST", "/api/userJob/job_del", idOf(job), Map.of());
      assertThat(deletion.statusCode()).as(deletion.body()).isEqualTo(200);
    }
  }

  private static JsonObject idOf(LoadJob job) {
    return new JsonObject().put("job_id", job.id());
  }

  /** Asks for statuses without a pause. Each request must be answered. */
  private void askUntil(AtomicBoolean ended, List<LoadJob> known) {
    long slowestNanos = 0;
    for (int turn = 0; !ended.get(); turn++) {
      LoadJob job = known.get(turn % known.size());
      long began = System.nanoTime();
      HttpResponse<String> answer =
          ask(job.user(), "POST", "/api/userJob/job_status", idOf(job), Map.of());
      slowestNanos = Math.max(slowestNanos, System.nanoTime() - began);
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }
    System.out.printf("slowest job_status: %d ms%n", slowestNanos / 1_000_000);
  }

  private HttpResponse<String> ask(
      String user, String method, String path, JsonObject body, Map<String, String> headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(agent.uri(path))
            .method(method, HttpRequest.BodyPublishers.ofString(body.encode()))
            .header("Authorization", "Bearer " + tokens.get(user))
            .timeout(ANSWER_LIMIT);
    headers.forEach(request::header);
    return send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private <T> HttpResponse<T> send(HttpRequest request, HttpResponse.BodyHandler<T> taking) {
    try {
      return http.send(request, taking);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a test thread", e);
    }
  }

  private JsonObject status(LoadJob job) {
    HttpResponse<String> answer =
        ask(job.user(), "POST", "/api/userJob/job_status", idOf(job), Map.of());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  private JsonObject detail(LoadJob job) {
    HttpResponse<String> answer =
        ask(job.user(), "GET", "/api/userJob/" + job.id(), new JsonObject(), Map.of());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body());
  }

  private long totalOf(String user) {
    HttpResponse<String> answer =
        ask(user, "GET", "/api/userJob?current=1&size=1", new JsonObject(), Map.of());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    return new JsonObject(answer.body()).getLong("totalElements");
  }

  // ---- ends

  private void awaitEnds(List<LoadJob> jobs) {
    Set<LoadJob> working = new HashSet<>(jobs);
    Awaitility.await("all jobs to end")
        .atMost(END_LIMIT)
        .pollInterval(Duration.ofSeconds(1))
        .until(
            () -> {
              working.removeIf(job -> !status(job).getString("status").equals("working"));
              return working.isEmpty();
            });
  }

  /** Names all jobs that ended in another way, because a single one says little about a load. */
  private void assertEndedAsTheirProgramsDid(List<LoadJob> jobs) {
    List<String> others = new ArrayList<>();
    for (LoadJob job : jobs) {
      JsonObject status = status(job);
      JsonObject detail = detail(job);
      String reason = detail.getString("reason", "");
      Map<String, String> left =
          status.containsKey("url") ? filesAt(status.getString("url")) : Map.of();
      if (!status.getString("status").equals(job.kind().status())
          || !reason.contains(job.kind().reason())
          || !left.equals(job.kind().filesLeft(job.id()))) {
        others.add("%s left %s: %s".formatted(job.kind(), left, detail.encode()));
      }
    }
    assertThat(others).as("ended in another way: %d of %d", others.size(), jobs.size()).isEmpty();
  }

  /** Returns the text of each file by its name: of one file, or of all files in the archive. */
  private Map<String, String> filesAt(String url) {
    HttpResponse<byte[]> answer =
        send(
            HttpRequest.newBuilder(URI.create(url)).build(),
            HttpResponse.BodyHandlers.ofByteArray());
    assertThat(answer.statusCode()).isEqualTo(200);
    String path = URI.create(url).getPath();
    String name = path.substring(path.lastIndexOf('/') + 1);
    if (!name.equals("data.zip")) {
      return Map.of(name, new String(answer.body(), StandardCharsets.UTF_8));
    }
    Map<String, String> files = new TreeMap<>();
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(answer.body()))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        files.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return files;
  }

  private void assertCalledBackAbout(LoadJob job) {
    if (job.kind() == Kind.DELETED) {
      assertThat(job.receiver().about(job.id())).isEmpty();
      return;
    }
    Awaitility.await("the callback about " + job.id())
        .atMost(QUIET_LIMIT)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> !job.receiver().about(job.id()).isEmpty());
    List<CallbackReceiver.Received> came = job.receiver().about(job.id());
    assertThat(came.stream().map(CallbackReceiver.Received::delivery).distinct()).hasSize(1);
    CallbackReceiver.Received callback = came.getFirst();
    assertThat(callback.body().getString("status")).isEqualTo(job.kind().status());
    assertThat(callback.signature())
        .isEqualTo(signatureOf(callback.timestamp(), callback.rawBody()));
    String url = callback.body().getString("url");
    if (job.kind().filesLeft(job.id()).isEmpty()) {
      assertThat(url).isEmpty();
    } else {
      assertThat(url).contains("/" + job.id() + "/");
    }
  }

  private String signatureOf(String timestamp, String body) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(callbackKey, "HmacSHA256"));
      byte[] code = mac.doFinal((timestamp + "." + body).getBytes(StandardCharsets.UTF_8));
      return "sha256=" + HexFormat.of().formatHex(code);
    } catch (GeneralSecurityException e) {
      throw new AssertionError(e);
    }
  }

  private void assertNothingIsLeftOf(List<LoadJob> jobs) {
    Set<String> ids = new HashSet<>();
    jobs.forEach(job -> ids.add(job.id()));
    assertThat(containers.jobs()).doesNotContainAnyElementsOf(ids);
    for (LoadJob job : jobs) {
      assertThat(detail(job).getJsonArray("gpus")).isEmpty();
    }
  }
}
