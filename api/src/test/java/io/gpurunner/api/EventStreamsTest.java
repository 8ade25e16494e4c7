package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests what happens at the beats of a stream, which come more often here. */
final class EventStreamsTest {
  private static final Duration BEAT = Duration.ofMillis(20);

  private final JwtSecret secret = ApiFixture.randomSecret();
  private final Set<String> revoked = ConcurrentHashMap.newKeySet();
  private volatile Instant now = ApiFixture.NOW;
  private volatile Optional<RequestRefusedException> registerFault = Optional.empty();
  private Vertx vertx;
  private int port;

  @BeforeEach
  void start() {
    vertx = Vertx.vertx();
    EventsRoute route =
        new EventsRoute(
            vertx,
            new FakeEvents(),
            new EventStreams(vertx, BEAT),
            new Connections(vertx, ConnectionLimits.of(ApiSettings.Waits.DEFAULT)),
            new TokenVerifier(
                secret, this::isRevoked, ((InstantSource) () -> now).withZone(ZoneOffset.UTC)),
            new RequestWork(vertx, 8),
            new ErrorAnswers(Clock.systemUTC()));
    Router router = Router.router(vertx);
    router.route("/api/events").handler(route::handle);
    HttpServer server = vertx.createHttpServer().requestHandler(router);
    port =
        server
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .orTimeout(20, TimeUnit.SECONDS)
            .join()
            .actualPort();
  }

  @AfterEach
  void stop() {
    vertx.close().toCompletionStage().toCompletableFuture().orTimeout(20, TimeUnit.SECONDS).join();
  }

  private boolean isRevoked(String tokenId) {
    registerFault.ifPresent(
        fault -> {
          throw fault;
        });
    return revoked.contains(tokenId);
  }

  private EventClient open(Optional<Instant> expires) throws Exception {
    String token = new TokenIssuer(secret).issue("ann", false, "id", ApiFixture.NOW, expires);
    EventClient client = new EventClient(port, "/api/events", token);
    assertThat(client.head().getFirst()).isEqualTo("HTTP/1.1 200 OK");
    return client;
  }

  @Test
  void aCommentComesNowAndThen() throws Exception {
    try (EventClient client = open(Optional.empty())) {
      client.comment();
      client.comment();
    }
  }

  @Test
  void aStreamEndsWhenItsTokenExpires() throws Exception {
    try (EventClient client = open(Optional.of(ApiFixture.NOW.plusSeconds(60)))) {
      client.comment();
      now = ApiFixture.NOW.plusSeconds(61);
      assertThat(client.rest()).contains("event: end").anyMatch(line -> line.contains("expired"));
    }
  }

  @Test
  void aStreamEndsWhenItsTokenIsRevokedAndNotWhenThatCannotBeLookedUp() throws Exception {
    try (EventClient client = open(Optional.empty())) {
      registerFault =
          Optional.of(
              new RequestRefusedException(RequestRefusedException.Kind.UNAVAILABLE, "unreadable"));
      client.comment();
      client.comment();
      client.comment();
      registerFault = Optional.empty();
      revoked.add("id");
      List<String> rest = client.rest();
      assertThat(rest).contains("event: end").anyMatch(line -> line.contains("revoked"));
    }
  }
}
