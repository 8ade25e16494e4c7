package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests {@code /metrics} over real HTTP: at the API, and at an address of its own. */
final class MetricsRouteTest {
  private static final String PAGE = "# TYPE gpurunner_jobs gauge\ngpurunner_jobs 1\n";

  private ApiFixture api;

  @BeforeEach
  void start() {
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
    api.metrics = accept -> new Metrics.Page("text/plain; version=0.0.4; charset=utf-8", PAGE);
  }

  @AfterEach
  void stop() {
    api.close();
  }

  @Test
  void anAdminGetsTheMetricsAsTheyAre() throws Exception {
    HttpResponse<String> response = api.send(api.asAdmin("/metrics").GET());

    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).isEqualTo(PAGE);
    assertThat(response.headers().allValues("Content-Type"))
        .containsExactly("text/plain; version=0.0.4; charset=utf-8");
  }

  @Test
  void theFormatThatPrometheusAcceptsIsPassedOn() throws Exception {
    api.metrics = accept -> new Metrics.Page("text/plain", "accepts " + accept);

    assertThat(api.send(api.asAdmin("/metrics").header("Accept", "text/x").GET()).body())
        .isEqualTo("accepts text/x");
    assertThat(api.send(api.asAdmin("/metrics").GET()).body()).isEqualTo("accepts ");
  }

  @Test
  void withoutAnAdminsTokenThereAreNone() throws Exception {
    assertThat(ErrorBody.message(api.send(api.request("/metrics").GET()), 401))
        .startsWith("the Authorization header is missing");
    assertThat(ErrorBody.message(api.get("/metrics"), 403))
        .isEqualTo("only an admin's token may do this; see: gpurunner token create --admin");
    api.revoked.add("id-of-root");
    assertThat(ErrorBody.message(api.send(api.asAdmin("/metrics").GET()), 401))
        .startsWith("the token was revoked");
  }

  @Test
  void onlyGetAndHeadAreAnswered() throws Exception {
    HttpResponse<String> head =
        api.send(api.asAdmin("/metrics").method("HEAD", HttpRequest.BodyPublishers.noBody()));
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();

    HttpResponse<String> post =
        api.send(api.asAdmin("/metrics").POST(HttpRequest.BodyPublishers.noBody()));
    assertThat(post.statusCode()).isEqualTo(405);
    assertThat(post.headers().firstValue("Allow")).contains("GET, HEAD");
  }

  @Test
  void metricsThatFailAreAnInternalError() throws Exception {
    api.metrics =
        accept -> {
          throw new IllegalStateException("a part failed");
        };

    assertThat(ErrorBody.message(api.send(api.asAdmin("/metrics").GET()), 501))
        .startsWith("internal error");
  }

  @Test
  void soManyScrapesAreWorkedOnAtATimeAndTheNextIsRefusedAtOnce() throws Exception {
    CountDownLatch begun = new CountDownLatch(ApiLimits.MAX_SCRAPES);
    CountDownLatch end = new CountDownLatch(1);
    api.metrics =
        accept -> {
          begun.countDown();
          await(end);
          return new Metrics.Page("text/plain", PAGE);
        };
    List<CompletableFuture<Integer>> scrapes = new ArrayList<>();
    for (int scrape = 0; scrape < ApiLimits.MAX_SCRAPES; scrape++) {
      scrapes.add(CompletableFuture.supplyAsync(this::status, task -> new Thread(task).start()));
    }
    await(begun);

    assertThat(status()).isEqualTo(503);
    assertThat(api.get("/api/gpus").statusCode()).as("others are answered").isEqualTo(200);
    end.countDown();
    for (CompletableFuture<Integer> scrape : scrapes) {
      assertThat(scrape.get(20, TimeUnit.SECONDS)).isEqualTo(200);
    }
  }

  private int status() {
    try {
      return api.send(api.asAdmin("/metrics").GET()).statusCode();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void anAddressOfItsOwnHasOnlyTheMetricsAndAsksForNoToken() throws Exception {
    try (Alone alone = new Alone()) {
      assertThat(alone.get("/metrics").body()).isEqualTo(PAGE);
      assertThat(ErrorBody.message(alone.get("/api/userJob"), 404))
          .isEqualTo("there is only GET /metrics at this address");
      assertThat(alone.get("/health/live").statusCode()).isEqualTo(404);
    }
  }

  @Test
  void anAddressOfItsOwnHasOnlySoManyConnections() throws Exception {
    List<Socket> open = new ArrayList<>();
    try (Alone alone = new Alone()) {
      for (int client = 0; client < ApiLimits.MAX_SCRAPE_CONNECTIONS; client++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), alone.port);
        open.add(socket);
        assertThat(answer(socket)).isEqualTo('H');
      }
      try (Socket another = new Socket(InetAddress.getLoopbackAddress(), alone.port)) {
        assertThat(answer(another)).isEqualTo('H');
        Socket oldest = open.getFirst();
        oldest.setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
        assertThat(new String(oldest.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
            .as("the oldest got its answer and was closed")
            .endsWith(PAGE);
      }
    } finally {
      for (Socket socket : open) {
        socket.close();
      }
    }
  }

  /** Returns the first byte of the answer to a scrape; -1 if the server closes the connection. */
  private static int answer(Socket socket) throws IOException {
    try {
      socket
          .getOutputStream()
          .write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      return socket.getInputStream().read();
    } catch (SocketException e) {
      return -1;
    }
  }

  /** A server that has only the metrics. */
  private static final class Alone implements AutoCloseable {
    private final Vertx vertx = Vertx.vertx();
    private final HttpClient client = HttpClient.newHttpClient();
    private final ApiServer server =
        ApiServer.ofMetrics(
            vertx,
            "127.0.0.1",
            0,
            accept -> new Metrics.Page("text/plain", PAGE),
            Clock.fixed(ApiFixture.NOW, ZoneOffset.UTC));
    final int port = server.start().toCompletionStage().toCompletableFuture().join();

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
      return client.send(
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
              .timeout(ApiFixture.PATIENCE)
              .build(),
          HttpResponse.BodyHandlers.ofString());
    }

    @Override
    public void close() {
      client.close();
      server.stop().toCompletionStage().toCompletableFuture().join();
      vertx.close().toCompletionStage().toCompletableFuture().join();
    }
  }
}
