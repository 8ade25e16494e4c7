package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests how much of all bodies is in memory at a time. The event loop owns the reader. */
final class BodyReaderTest {
  private static final Duration LONG = Duration.ofMinutes(1);
  private static final int WHOLE_BODIES =
      (int) (ApiLimits.MAX_BUFFERED_BODY_BYTES / ApiLimits.MAX_BODY_BYTES);

  private static final int WHOLE_BODIES_OF_A_USER =
      (int) (ApiLimits.MAX_BUFFERED_BODY_BYTES_OF_A_USER / ApiLimits.MAX_BODY_BYTES);

  /** A body that was read and not released. */
  private record Held(String user, Buffer body) {}

  private final Vertx vertx = Vertx.vertx();
  private final BodyReader reader = new BodyReader(vertx, LONG);
  private final Queue<Held> held = new ArrayDeque<>();
  private final HttpClient client = HttpClient.newHttpClient();

  @SuppressWarnings("NullAway.Init") // created before each test
  private HttpServer server;

  @BeforeEach
  void start() throws Exception {
    server =
        vertx
            .createHttpServer()
            .requestHandler(
                request -> {
                  if ("/release".equals(request.path())) {
                    Held released = held.remove();
                    reader.release(released.user(), released.body());
                    request.response().end();
                    return;
                  }
                  String user = Objects.requireNonNull(request.path());
                  reader.read(
                      request,
                      user,
                      body -> {
                        held.add(new Held(user, body));
                        request.response().end();
                      },
                      refused ->
                          request.response().setStatusCode(503).end(refused.kind().toString()));
                })
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .get(LONG.toSeconds(), TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    vertx.close().toCompletionStage().toCompletableFuture().get(LONG.toSeconds(), TimeUnit.SECONDS);
  }

  private HttpResponse<String> post(String path, int bytes) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + server.actualPort() + path);
    return client.send(
        HttpRequest.newBuilder(uri)
            .timeout(LONG)
            .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[bytes]))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void soManyBytesAreHeldAndWhatComesThenIsRefusedUntilSomeAreReleased() throws Exception {
    for (int body = 0; body < WHOLE_BODIES; body++) {
      String user = "/" + body / WHOLE_BODIES_OF_A_USER;
      assertThat(post(user, ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);
    }
    HttpResponse<String> refused = post("/another", 1);
    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(refused.body()).isEqualTo(RequestRefusedException.Kind.UNAVAILABLE.toString());

    post("/release", 0);
    assertThat(post("/0", ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);
    assertThat(post("/0", 1).statusCode()).isEqualTo(503);
  }

  @Test
  void aUserHoldsSoManyBytesAndOthersSendTheirs() throws Exception {
    for (int body = 0; body < WHOLE_BODIES_OF_A_USER; body++) {
      assertThat(post("/ann", ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);
    }
    assertThat(post("/ann", 1).body()).isEqualTo(RequestRefusedException.Kind.TOO_MANY.toString());
    assertThat(post("/bob", ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);

    post("/release", 0);
    assertThat(post("/ann", ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);
  }

  @Test
  void whatIsRefusedIsNotHeld() throws Exception {
    for (int times = 0; times < 2 * WHOLE_BODIES; times++) {
      assertThat(post("/", ApiLimits.MAX_BODY_BYTES + 1).statusCode()).isEqualTo(503);
    }
    assertThat(post("/", ApiLimits.MAX_BODY_BYTES).statusCode()).isEqualTo(200);
    assertThat(held).hasSize(1);
  }
}
