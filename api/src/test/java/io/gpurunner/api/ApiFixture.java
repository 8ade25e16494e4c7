package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.SecureRandom;
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

/** A real server on a free loopback port, with fake ports behind it, and a client. */
final class ApiFixture implements AutoCloseable {
  static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
  static final Duration PATIENCE = Duration.ofSeconds(20);

  /** Limits that are short enough for a test to wait for. */
  static final ApiSettings.Waits SHORT =
      new ApiSettings.Waits(
          Duration.ofMillis(400),
          Duration.ofMillis(800),
          Duration.ofMillis(800),
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofSeconds(1),
          50,
          8);

  final FakeJobs jobs = new FakeJobs();
  final FakeLogs logs = new FakeLogs();
  final FakeFacts facts = new FakeFacts();
  final Set<String> revoked = ConcurrentHashMap.newKeySet();
  final JwtSecret secret = randomSecret();
  final FakeEvents events = new FakeEvents();
  final int port;

  volatile Optional<RequestRefusedException> registerFault = Optional.empty();
  volatile Health.Report health =
      new Health.Report(List.of(new Health.Part("docker", true, "20.10")));
  volatile ArtifactDownloads downloads =
      (job, file, expires, signature) -> new ArtifactDownloads.Download.Missing("nothing here");
  volatile Metrics metrics = accept -> new Metrics.Page("text/plain", "up 1\n");
  volatile Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);

  private final Vertx vertx = Vertx.vertx();
  private volatile DocumentedExchanges exchanges = DocumentedExchanges.ofTheDocument();
  private final ApiServer server;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  ApiFixture() {
    this(ApiSettings.Waits.DEFAULT, Optional.empty());
  }

  ApiFixture(ApiSettings.Waits waits, Optional<ApiSettings.TlsFiles> tls) {
    ApiPorts ports =
        new ApiPorts(
            jobs,
            logs,
            facts,
            () -> health,
            new FakeGpus(),
            this::isRevoked,
            (job, file, expires, signature) -> downloads.find(job, file, expires, signature),
            accept -> metrics.scrape(accept),
            events,
            user -> "key-of-" + user);
    server =
        new ApiServer(
            vertx,
            new ApiSettings("127.0.0.1", 0, tls, secret, waits),
            ports,
            ((InstantSource) () -> clock.instant()).withZone(ZoneOffset.UTC));
    port =
        server
            .start()
            .toCompletionStage()
            .toCompletableFuture()
            .orTimeout(20, TimeUnit.SECONDS)
            .join();
  }

  /** The test sends paths that there are not. */
  void sendsWrongPaths() {
    exchanges = DocumentedExchanges.withWrongPaths();
  }

  /** The fakes of the test give answers that the agent never gives. */
  void givesMadeUpAnswers() {
    exchanges = DocumentedExchanges.withMadeUpAnswers();
  }

  int logFollowers() {
    return server.logFollowers();
  }

  Optional<String> certificateFault() {
    return server.certificateFault();
  }

  List<String> routes() {
    return server.routes();
  }

  private boolean isRevoked(String tokenId) {
    registerFault.ifPresent(
        fault -> {
          throw fault;
        });
    return revoked.contains(tokenId);
  }

  static JwtSecret randomSecret() {
    byte[] bytes = new byte[JwtSecret.MINIMUM_BYTES];
    new SecureRandom().nextBytes(bytes);
    return new JwtSecret(bytes);
  }

  String token(String user) {
    return new TokenIssuer(secret).issue(user, false, "id-of-" + user, NOW, Optional.empty());
  }

  String adminToken() {
    return new TokenIssuer(secret).issue("root", true, "id-of-root", NOW, Optional.empty());
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).timeout(PATIENCE);
  }

  HttpRequest.Builder as(String user, String path) {
    return request(path).header("Authorization", "Bearer " + token(user));
  }

  HttpRequest.Builder asAdmin(String path) {
    return request(path).header("Authorization", "Bearer " + adminToken());
  }

  HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpRequest sent = request.build();
    HttpResponse<String> answer = client.send(sent, HttpResponse.BodyHandlers.ofString());
    exchanges.check(sent, answer, Buffer.buffer(answer.body()));
    return answer;
  }

  HttpResponse<byte[]> fetch(HttpRequest.Builder request) throws IOException, InterruptedException {
    HttpRequest sent = request.build();
    HttpResponse<byte[]> answer = client.send(sent, HttpResponse.BodyHandlers.ofByteArray());
    exchanges.check(sent, answer, Buffer.buffer(answer.body()));
    return answer;
  }

  HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
    return send(as("ann", path).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  HttpResponse<String> post(String path, byte[] body) throws IOException, InterruptedException {
    return send(as("ann", path).POST(HttpRequest.BodyPublishers.ofByteArray(body)));
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send(as("ann", path).GET());
  }

  JobId create() throws IOException, InterruptedException {
    HttpResponse<String> response = post("/api/userJob", GuideBodies.CREATE);
    return new JobId(new JsonObject(response.body()).getString("job_id"));
  }

  @Override
  public void close() {
    server.stop().toCompletionStage().toCompletableFuture().orTimeout(20, TimeUnit.SECONDS).join();
    vertx.close().toCompletionStage().toCompletableFuture().orTimeout(20, TimeUnit.SECONDS).join();
    client.close();
  }
}
