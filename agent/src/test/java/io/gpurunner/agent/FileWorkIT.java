package io.gpurunner.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The API answers and stop times are kept while file work keeps the disk busy and a library hangs.
 * The agent is a process of its own with two carrier threads. Real Docker engine, local store, and
 * a real file system that hangs. {@code make file-work} runs it with large files.
 */
class FileWorkIT {
  private static final int MEGABYTES = Integer.getInteger("gpurunner.file-work.megabytes", 300);
  private static final int FILES = Integer.getInteger("gpurunner.file-work.files", 20_000);

  /**
   * A blocked agent takes much longer. {@code make file-work} requires 50 ms, and 1 s for stops.
   */
  private static final Duration STATUS_LIMIT =
      Duration.ofMillis(Integer.getInteger("gpurunner.file-work.status-millis", 2_000));

  private static final Duration STOP_LIMIT =
      Duration.ofMillis(Integer.getInteger("gpurunner.file-work.stop-millis", 5_000));

  private static final Duration SOON = Duration.ofMinutes(2);
  private static final Duration END_LIMIT = Duration.ofMinutes(10);

  /**
   * The time from the restart of the agent, when the file work begins, to the first stop time. The
   * agent needs a part of it to start, which takes as long as this machine lets it: that time, as
   * measured, is added.
   */
  private static final Duration AHEAD =
      Duration.ofSeconds(Integer.getInteger("gpurunner.file-work.ahead", 12));

  /** The longest time for a start, so that the jobs begin before it. */
  private static final Duration START_LIMIT = Duration.ofSeconds(25);

  /**
   * The stop time. It leaves room for {@code jobs.retention}: at the restart, the first job ended
   * longer ago than that, and the one that others resume from did not, however slow the start is.
   */
  private static final int STOP_MINUTES = 2;

  private static final int STOPPING = 3;
  private static final int PUBLISHING = 3;
  private static final int SEEDED = 4;
  private static final int HANGING = 6;

  /** The number of first requests that are not measured, because Java loads and compiles. */
  private static final int WARMING = 300;

  private static final Map<String, String> NO_HEADERS = Map.of();

  @TempDir Path directory;
  private final List<String> jobs = new ArrayList<>();
  private final Containers containers = new Containers();

  @SuppressWarnings("NullAway.Init") // created before each test
  private AgentProcess agent;

  private Duration start = Duration.ZERO;

  /** When the agent that stops the jobs was up. It cannot stop a job before. */
  private Instant up = Instant.MIN;

  @BeforeEach
  void start() {
    agent =
        new AgentProcess(
            directory,
            """
            gpu: { simulated: ["NVIDIA GeForce RTX 3090"] }
            docker: { host: "%s", gpu-access: none }
            jobs: { grace-period: 5s, retention: 45s }
            library: { datasets: %s, models: %s }
            """
                .formatted(
                    TestEnvironment.require("DOCKER_HOST"),
                    directory.resolve("datasets"),
                    directory.resolve("models")),
            List.of("-Xmx512m", "-Djdk.virtualThreadScheduler.parallelism=2"));
    Instant began = Instant.now();
    startAndAwaitAnswer();
    Duration took = Duration.between(began, Instant.now());
    start = took.compareTo(START_LIMIT) < 0 ? took : START_LIMIT;
  }

  @AfterEach
  void end() {
    agent.close();
    jobs.forEach(job -> containers.of(job).forEach(containers::removeQuietly));
  }

  private void startAndAwaitAnswer() {
    agent.start();
    agent.ask("GET", "/health/live", new JsonObject(), NO_HEADERS);
  }

  private static JsonObject body(String runCommand) {
    return AgentUnderTest.body(runCommand)
        .put("gpuNumber", 0)
        .put("ckptVol", MEGABYTES + 10)
        .put("modelVol", MEGABYTES + 10);
  }

  private String create(JsonObject body) {
    HttpResponse<String> answer = agent.ask("POST", "/api/userJob", body, NO_HEADERS);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    String id = new JsonObject(answer.body()).getString("job_id");
    jobs.add(id);
    return id;
  }

  private JsonObject detail(String id) {
    return new JsonObject(
        agent.ask("GET", "/api/userJob/" + id, new JsonObject(), NO_HEADERS).body());
  }

  private void awaitState(String id, String state) {
    Awaitility.await(id + " to be " + state)
        .atMost(END_LIMIT)
        .pollInterval(Duration.ofMillis(100))
        .until(() -> detail(id).getString("state"), state::equals);
  }

  private Duration askStatus(String id) {
    long began = System.nanoTime();
    Optional<HttpResponse<String>> answer =
        agent.tryAsk(
            "POST", "/api/userJob/job_status", new JsonObject().put("job_id", id), NO_HEADERS);
    Duration took = Duration.ofNanos(System.nanoTime() - began);
    answer.ifPresent(there -> assertThat(there.statusCode()).as(there.body()).isEqualTo(200));
    return took;
  }

  @Test
  void theApiAnswersAndStopTimesAreKeptWhileFilesKeepTheDiskBusy() throws Exception {
    Files.createDirectories(directory.resolve("models/tiny"));
    String removed = create(body("false"));
    awaitState(removed, "FAILED");
    makeFiles(agent.jobDirectory(removed).resolve("model"));
    List<String> stopped = new ArrayList<>();
    for (int job = 0; job < STOPPING; job++) {
      stopped.add(
          create(
              body("trap 'echo > /data2/term; exit 0' TERM; while :; do sleep 0.05; done")
                  .put("stopType", 1)
                  .put("stopTime", STOP_MINUTES)));
      awaitState(stopped.get(job), "RUNNING");
    }
    Instant first = Instant.parse(detail(stopped.getFirst()).getString("deadline"));
    Instant last = Instant.parse(detail(stopped.getLast()).getString("deadline"));
    List<String> published = new ArrayList<>();
    for (int job = 0; job < PUBLISHING; job++) {
      published.add(
          create(
              body(
                  "truncate -s %d000000 /data2/model.bin; while [ ! -e /data/go ]; do sleep 0.1; done"
                      .formatted(MEGABYTES))));
    }
    published.forEach(job -> awaitState(job, "RUNNING"));
    Instant restart = first.minus(AHEAD).minus(start);
    await(restart.minusSeconds(5));
    String source = create(body("truncate -s %d000000 /data/state.bin".formatted(MEGABYTES)));
    awaitState(source, "SUCCEEDED");
    await(restart);

    agent.kill();
    ConcurrentLinkedQueue<HttpResponse<String>> refusals = new ConcurrentLinkedQueue<>();
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> submitting = new ArrayList<>();
    List<Duration> took = new ArrayList<>();
    try (HangingFileSystem hangs = new HangingFileSystem(directory.resolve("datasets"))) {
      startAndAwaitAnswer(); // the first round of retention begins too
      up = Instant.now();
      for (int times = 0; times < WARMING; times++) {
        askStatus(source);
      }
      for (String job : published) {
        Files.createFile(agent.jobDirectory(job).resolve("checkpoint/go"));
      }
      List<String> seeded = new ArrayList<>();
      for (int job = 0; job < SEEDED; job++) {
        seeded.add(create(body("true").put("resumeFrom", source)));
      }
      for (int client = 0; client < HANGING; client++) {
        submitting.add(Thread.ofPlatform().start(() -> submitHanging(refusals, over)));
      }
      create(body("true").put("pretrainedModelName", "tiny").put("pretrainedModelPath", "/m"));

      List<String> asked = new ArrayList<>(stopped);
      asked.addAll(List.of(source, removed, published.getFirst(), seeded.getFirst()));
      int next = 0;
      while (Instant.now().isBefore(last.plus(STOP_LIMIT.multipliedBy(2)))
          || !haveEnded(published, seeded)) {
        for (int times = 0; times < 100; times++) {
          took.add(askStatus(asked.get(next++ % asked.size())));
        }
        // More work keeps the disk busy until the last stop time.
        if (Instant.now().isBefore(last) && haveEnded(published, List.of())) {
          published.add(create(body("truncate -s %d000000 /data2/model.bin".formatted(MEGABYTES))));
        }
      }
      over.set(true);
      for (Thread client : submitting) {
        assertThat(client.join(SOON)).isTrue();
      }
      report(took, stopped, refusals.size());
      published.forEach(
          job -> {
            JsonObject ended = detail(job);
            assertThat(ended.getString("state")).as(ended.encode()).isEqualTo("SUCCEEDED");
          });
      for (String job : seeded) {
        awaitState(job, "SUCCEEDED");
        assertThat(agent.jobDirectory(job).resolve("checkpoint/state.bin"))
            .hasSize(MEGABYTES * 1_000_000L);
      }
      assertThat(hangs).isNotNull();
    }
    assertThat(percentile(took, 99)).isLessThanOrEqualTo(STATUS_LIMIT);
    for (String job : stopped) {
      assertThat(stopDelay(job)).as(job).isBetween(Duration.ZERO, STOP_LIMIT);
    }
    assertThat(refusals)
        .isNotEmpty()
        .allSatisfy(
            answer -> {
              assertThat(answer.statusCode()).isEqualTo(503);
              assertThat(answer.headers().firstValue("Retry-After")).isPresent();
              assertThat(answer.body())
                  .contains("the library library.datasets does not answer")
                  .doesNotContain(directory.toString());
            });
    assertThat(agent.jobDirectory(removed)).doesNotExist();
  }

  private static void makeFiles(Path root) throws IOException {
    for (int file = 0; file < FILES; file++) {
      Path parent = root.resolve("d" + file % 100);
      if (file < 100) {
        Files.createDirectories(parent);
      }
      Files.createFile(parent.resolve("f" + file));
    }
  }

  private boolean haveEnded(List<String> some, List<String> others) {
    return some.stream().allMatch(this::hasEnded) && others.stream().allMatch(this::hasEnded);
  }

  private boolean hasEnded(String job) {
    return !new JsonObject(
            agent
                .ask(
                    "POST",
                    "/api/userJob/job_status",
                    new JsonObject().put("job_id", job),
                    NO_HEADERS)
                .body())
        .getString("status")
        .equals("working");
  }

  private void submitHanging(
      ConcurrentLinkedQueue<HttpResponse<String>> refusals, AtomicBoolean over) {
    JsonObject body = body("true").put("datasetName", "iris").put("datasetPath", "/iris");
    while (!over.get()) {
      agent.tryAsk("POST", "/api/userJob", body, NO_HEADERS).ifPresent(refusals::add);
      Awaitility.await().pollDelay(Duration.ofMillis(200)).until(() -> true);
    }
  }

  /**
   * Returns the time from when the stop was due to the first sign of the SIGTERM. Both signs come
   * later.
   */
  private Duration stopDelay(String job) throws IOException {
    Duration seen = sinceDue(job, termSeen(job));
    Duration recorded = sinceDue(job, eventAt(job, "stop-signalled"));
    return seen.compareTo(recorded) < 0 ? seen : recorded;
  }

  /** Returns the time since the job's stop was due. */
  private Duration sinceDue(String job, Instant time) {
    Instant stopTime =
        Instant.parse(detail(job).getString("startedAt")).plus(Duration.ofMinutes(STOP_MINUTES));
    return Duration.between(stopTime.isBefore(up) ? up : stopTime, time);
  }

  /** Returns when the job wrote that it got SIGTERM. It is late if the disk was busy. */
  private Instant termSeen(String job) throws IOException {
    return Files.getLastModifiedTime(agent.jobDirectory(job).resolve("model/term")).toInstant();
  }

  private Instant eventAt(String job, String kind) {
    return detail(job).getJsonArray("events").stream()
        .map(JsonObject.class::cast)
        .filter(event -> event.getString("kind").equals(kind))
        .map(event -> Instant.parse(event.getString("at")))
        .findFirst()
        .orElseThrow();
  }

  private void report(List<Duration> took, List<String> stopped, int refusals) throws IOException {
    StringBuilder delays = new StringBuilder();
    for (String job : stopped) {
      delays.append(
          " (decided %d, SIGTERM recorded %d, seen %d)"
              .formatted(
                  sinceDue(job, eventAt(job, "ending")).toMillis(),
                  sinceDue(job, eventAt(job, "stop-signalled")).toMillis(),
                  sinceDue(job, termSeen(job)).toMillis()));
    }
    System.out.printf(
        "file work of %d MB: start %d ms; %d times job_status, p50 %d us, p99 %d us, longest %d ms; ms"
            + " after the stop was due:%s; %d submissions refused%n",
        MEGABYTES,
        start.toMillis(),
        took.size(),
        percentile(took, 50).toNanos() / 1_000,
        percentile(took, 99).toNanos() / 1_000,
        percentile(took, 100).toMillis(),
        delays,
        refusals);
  }

  private static Duration percentile(List<Duration> took, int percent) {
    List<Duration> sorted = took.stream().sorted().toList();
    return sorted.get((sorted.size() - 1) * percent / 100);
  }

  private static void await(Instant time) {
    long millis = Duration.between(Instant.now(), time).toMillis();
    if (millis > 0) {
      Awaitility.await()
          .pollDelay(millis, TimeUnit.MILLISECONDS)
          .atMost(millis + 60_000, TimeUnit.MILLISECONDS)
          .until(() -> true);
    }
  }

  /** The job was accepted while its data set could be read. When it starts, the library hangs. */
  @Test
  void aJobWhoseLibraryHangsWaitsAndRunsOnceItIsBack() throws Exception {
    Files.createDirectories(directory.resolve("datasets/iris"));
    Files.writeString(directory.resolve("datasets/iris/a.csv"), "1");
    JsonObject oneGpu = body("sleep 1000").put("gpuNumber", 1);
    String holder = create(oneGpu);
    awaitState(holder, "RUNNING");
    String waiting =
        create(
            body("test -e /iris/a.csv")
                .put("gpuNumber", 1)
                .put("datasetName", "iris")
                .put("datasetPath", "/iris"));
    try (HangingFileSystem hangs = new HangingFileSystem(directory.resolve("datasets"))) {
      assertThat(hangs).isNotNull();
      agent.ask("POST", "/api/userJob/job_del", new JsonObject().put("job_id", holder), NO_HEADERS);
      Awaitility.await("the job to say what it waits for")
          .atMost(SOON)
          .until(
              () -> detail(waiting).getString("reason", ""),
              reason -> reason.startsWith("waits: the library library.datasets does not answer"));
      assertThat(detail(waiting).getString("state")).isEqualTo("STARTING");
    }
    awaitState(waiting, "SUCCEEDED");
  }
}
