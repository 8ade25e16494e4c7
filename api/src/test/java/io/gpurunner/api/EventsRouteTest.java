package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests {@code GET /api/events} over real connections. */
final class EventsRouteTest {
  private static final Instant AT = Instant.parse("2026-03-01T12:00:00Z");

  private ApiFixture api;
  private final List<EventClient> clients = new ArrayList<>();

  @BeforeEach
  void start() {
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
  }

  @AfterEach
  void stop() throws Exception {
    for (EventClient client : clients) {
      client.close();
    }
    api.close();
  }

  private EventClient open(String token) throws IOException {
    EventClient client = new EventClient(api.port, "/api/events", token);
    clients.add(client);
    return client;
  }

  private EventClient opened(String token) throws IOException {
    EventClient client = open(token);
    assertThat(client.head().getFirst()).isEqualTo("HTTP/1.1 200 OK");
    return client;
  }

  private static MachineEvent.JobChanged change(JobId id, String user, String state) {
    return new MachineEvent.JobChanged(id, user, state, Optional.empty(), AT);
  }

  @Test
  void aUserIsToldOfHisJobsAndNoOthers() throws Exception {
    EventClient ann = open(api.token("ann"));
    assertThat(ann.head())
        .contains(
            "content-type: text/event-stream", "X-Accel-Buffering: no", "cache-control: no-store");
    JobId own = JobId.random();

    api.events.happens(change(JobId.random(), "bob", "RUNNING"));
    api.events.happens(
        new MachineEvent.GpuChanged(
            "GPU-a",
            OptionalInt.of(0),
            Optional.of(GpuReport.State.FREE),
            Optional.empty(),
            Optional.empty(),
            AT));
    api.events.happens(
        new MachineEvent.JobChanged(own, "ann", "FAILED", Optional.of("exit code 1"), AT));

    assertThat(ann.next("event: ")).isEqualTo("job");
    assertThat(ann.next("data: "))
        .isEqualTo(
            "{\"job_id\":\"%s\",\"user\":\"ann\",\"state\":\"FAILED\",\"reason\":\"exit code 1\",\"at\":\"2026-03-01T12:00:00Z\"}"
                .formatted(own));
  }

  @Test
  void anAdminIsToldOfAllJobsAndOfGpus() throws Exception {
    EventClient admin = opened(api.adminToken());
    JobId job = JobId.random();

    api.events.happens(change(job, "bob", "RUNNING"));
    api.events.happens(
        new MachineEvent.GpuChanged(
            "GPU-a",
            OptionalInt.of(1),
            Optional.of(GpuReport.State.QUARANTINED),
            Optional.of("reset it"),
            Optional.of("it is hot"),
            AT));
    api.events.happens(
        new MachineEvent.GpuChanged(
            "GPU-b",
            OptionalInt.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            AT));

    assertThat(admin.next("data: ")).contains(job.value(), "\"user\":\"bob\"");
    assertThat(admin.next("event: ")).isEqualTo("gpu");
    assertThat(admin.next("data: "))
        .isEqualTo(
            "{\"uuid\":\"GPU-a\",\"index\":1,\"state\":\"quarantined\",\"reason\":\"reset"
                + " it\",\"suspect\":\"it is hot\",\"at\":\"2026-03-01T12:00:00Z\"}");
    assertThat(admin.next("data: ")).contains("\"state\":\"gone\"").doesNotContain("index");
  }

  @Test
  void theEventsAreAsTheDocumentSays() throws Exception {
    ApiDocument document = new ApiDocument();
    EventClient admin = opened(api.adminToken());
    api.events.happens(
        new MachineEvent.JobChanged(JobId.random(), "ann", "FAILED", Optional.of("why"), AT));
    for (GpuReport.State state : GpuReport.State.values()) {
      api.events.happens(
          new MachineEvent.GpuChanged(
              "GPU-a",
              OptionalInt.of(0),
              Optional.of(state),
              Optional.of("why"),
              Optional.of("a sign"),
              AT));
    }
    assertThat(document.faults(schema("JobChanged"), data(admin))).isEmpty();
    for (GpuReport.State _ : GpuReport.State.values()) {
      assertThat(document.faults(schema("GpuChanged"), data(admin))).isEmpty();
    }
    api.close();
    assertThat(document.faults(schema("StreamEnd"), data(admin))).isEmpty();
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
  }

  private static JsonObject schema(String name) {
    return new JsonObject().put("$ref", "#/components/schemas/" + name);
  }

  private static JsonObject data(EventClient client) throws IOException {
    return new JsonObject(client.next("data: "));
  }

  @Test
  void theAgentIsAskedOnlyWhileSomebodyListens() throws Exception {
    assertThat(api.events.listeners).isEmpty();
    EventClient first = opened(api.token("ann"));
    EventClient second = opened(api.token("bob"));
    assertThat(api.events.listeners).hasSize(1);
    first.close();
    second.close();
    awaitUnheard();
    JobId job = JobId.random();
    EventClient third = opened(api.token("ann"));
    api.events.happens(change(job, "ann", "QUEUED"));
    assertThat(third.next("data: ")).contains(job.value());
  }

  private void awaitUnheard() {
    long end = System.nanoTime() + ApiFixture.PATIENCE.toNanos();
    while (!api.events.listeners.isEmpty()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  @Test
  void streamsOfAUserAndOfAllAreLimited() throws Exception {
    for (int number = 0; number < ApiLimits.MAX_EVENT_STREAMS_OF_A_USER; number++) {
      opened(api.token("ann"));
    }
    HttpResponse<String> refused = api.get("/api/events");
    assertThat(ErrorBody.message(refused, 429)).contains("ann has 16 streams open");
    assertThat(refused.headers().firstValue("Retry-After")).contains("10");
    opened(api.token("bob"));
    clients.removeFirst().close();
    // The place is free once the server has seen the end of the connection.
    long end = System.nanoTime() + ApiFixture.PATIENCE.toNanos();
    while (open(api.token("ann")).head().getFirst().contains(" 429 ")) {
      assertThat(System.nanoTime()).isLessThan(end);
    }
  }

  @Test
  void moreStreamsThanTheMachineHasPlacesForAreRefused() throws Exception {
    try (ApiFixture large = new ApiFixture()) {
      List<EventClient> all = new ArrayList<>();
      for (int number = 0; number < ApiLimits.MAX_EVENT_STREAMS; number++) {
        EventClient client =
            new EventClient(large.port, "/api/events", large.token("user" + number % 32));
        assertThat(client.head().getFirst()).isEqualTo("HTTP/1.1 200 OK");
        all.add(client);
      }
      assertThat(ErrorBody.message(large.get("/api/events"), 503)).contains("256 streams are open");
      for (EventClient client : all) {
        client.close();
      }
    }
  }

  /** The client reads nothing until the server has given it up. */
  @Test
  void aClientThatDoesNotReadIsToldThatItMissesEvents() throws Exception {
    EventClient slow = opened(api.token("ann"));
    EventClient quick = opened(api.token("ann"));
    JobId last = JobId.random();
    String reason = "x".repeat(4000);
    // Much more than the buffers of the kernel, of the server and of the stream together.
    for (int number = 0; number < 4000; number++) {
      api.events.happens(
          new MachineEvent.JobChanged(JobId.random(), "ann", "FAILED", Optional.of(reason), AT));
      quick.next("data: ");
    }
    api.events.happens(change(last, "ann", "QUEUED"));
    assertThat(quick.next("data: ")).contains(last.value());

    List<String> read = slow.rest();
    assertThat(read).contains("event: end");
    assertThat(read.stream().filter(line -> line.startsWith("data: ")).toList().getLast())
        .contains("reads too slowly", "ask for the list");
    assertThat(read.size()).isLessThan(3 * 4000);
  }

  @Test
  void whereTooManyEventsAreOnTheirWayTheStreamsSaySo() throws Exception {
    EventClient ann = opened(api.token("ann"));
    CompletableFuture<Boolean> held = new CompletableFuture<>();
    CompletableFuture<Boolean> goOn = new CompletableFuture<>();
    api.health = new Health.Report(partsThatHoldTheLoop(held, goOn));
    CompletableFuture<HttpResponse<String>> health =
        CompletableFuture.supplyAsync(() -> quietly("/health/ready"));
    held.get(20, TimeUnit.SECONDS);

    for (int number = 0; number <= ApiLimits.MAX_EVENTS_ON_THEIR_WAY; number++) {
      api.events.happens(change(JobId.random(), "bob", "QUEUED"));
    }
    goOn.complete(true);

    assertThat(ann.rest()).contains("event: end").anyMatch(line -> line.contains("missing"));
    assertThat(health.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
  }

  /** Readiness is asked for on the event loop. */
  private static List<Health.Part> partsThatHoldTheLoop(
      CompletableFuture<Boolean> held, CompletableFuture<Boolean> goOn) {
    return new AbstractList<>() {
      @Override
      public Health.Part get(int index) {
        held.complete(true);
        return new Health.Part("slow", goOn.join(), "");
      }

      @Override
      public int size() {
        return 1;
      }
    };
  }

  private HttpResponse<String> quietly(String path) {
    try {
      return api.send(api.request(path).GET());
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aStreamNeedsATokenAndHeadHasNone() throws Exception {
    ErrorBody.message(api.send(api.request("/api/events").GET()), 401);
    HttpResponse<String> head =
        api.send(api.as("ann", "/api/events").method("HEAD", HttpRequest.BodyPublishers.noBody()));
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.headers().firstValue("Content-Type")).contains("text/event-stream");
    assertThat(api.events.listeners).isEmpty();
  }

  @Test
  void allStreamsEndWhenTheAgentStops() throws Exception {
    ApiFixture stopped = new ApiFixture();
    try (EventClient client = new EventClient(stopped.port, "/api/events", stopped.token("ann"))) {
      client.head();
      stopped.close();
      assertThat(client.rest())
          .contains("event: end", "data: {\"reason\":\"the agent stops; connect again\"}");
    }
  }
}
