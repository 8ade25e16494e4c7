package io.gpurunner.agent.callback;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.CallbackResult.Delivered;
import io.gpurunner.agent.callback.CallbackResult.Failed;
import io.gpurunner.agent.callback.CallbackResult.Forbidden;
import io.gpurunner.agent.callback.CallbackResult.Rejected;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.JksOptions;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests with real receivers on loopback. */
@Timeout(60)
final class HttpCallbackSenderTest {
  private static final byte[] KEY = "the key of the callbacks".getBytes(UTF_8);
  private static final Instant NOW = Instant.ofEpochSecond(1_700_000_000);
  private static final String BODY =
      CallbackBody.of("aia1905cd8", true, Optional.of(URI.create("https://s3/x?a=b&c=d")));
  private static final CallbackLimits LIMITS =
      new CallbackLimits(
          Duration.ofSeconds(3), Duration.ofSeconds(2), Duration.ofSeconds(1), 65_536, 4);
  private static final List<AddressPattern> LOOPBACK =
      Stream.of("127.0.0.0/8", "::1").map(AddressPattern::parse).toList();

  private final Vertx vertx = Vertx.vertx();
  @TempDir private Path directory;

  @AfterEach
  void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  @Test
  void theContractsRequest() throws Exception {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", RawReceiver.answer("204 No Content", ""))) {
      assertThat(send(receiver.url("/hook/%C3%A4?job=1&x=%20"))).isEqualTo(new Delivered(204));

      RawReceiver.Request request = receiver.only();
      assertThat(request.line()).isEqualTo("POST /hook/%C3%A4?job=1&x=%20 HTTP/1.1");
      assertThat(request.headers())
          .containsEntry("host", "127.0.0.1:" + receiver.port())
          .containsEntry("content-type", "application/json")
          .containsEntry("x-gpurunner-delivery", "d-1")
          .containsEntry("x-gpurunner-timestamp", "1700000000");
      assertThat(request.body())
          .isEqualTo(
              "{\"status\":\"success\",\"job_id\":\"aia1905cd8\",\"jobId\":\"aia1905cd8\",\"url\":\"https://s3/x?a=b&c=d\"}");
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
      mac.update("1700000000.".getBytes(UTF_8));
      assertThat(request.headers())
          .containsEntry(
              "x-gpurunner-signature-256",
              "sha256="
                  + HexFormat.of().formatHex(mac.doFinal(request.body().getBytes(ISO_8859_1))));
    }
  }

  @Test
  void aHostWithAnUnderscore() throws Exception {
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    try (RawReceiver receiver =
            new RawReceiver("127.0.0.1", RawReceiver.answer("204 No Content", ""));
        HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
      URI url = URI.create("http://build_box:" + receiver.port() + "/hook");
      assertThat(sender.send(delivery(url))).isEqualTo(new Delivered(204));
      assertThat(receiver.only().headers()).containsEntry("host", "build_box:" + receiver.port());
    }
  }

  @Test
  void aFailedJobsBodyHasNoUrl() {
    String body = CallbackBody.of("ai1", false, Optional.of(URI.create("http://x")));
    assertThat(body)
        .isEqualTo("{\"status\":\"fail\",\"job_id\":\"ai1\",\"jobId\":\"ai1\",\"url\":\"\"}");
  }

  @ParameterizedTest
  @ValueSource(ints = {200, 201, 202, 204, 299})
  void any2xxEndsIt(int status) throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", RawReceiver.answer(status + " X", ""))) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(status));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {400, 401, 404, 410, 429, 500, 503})
  void anythingElseDoesNot(int status) throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", RawReceiver.answer(status + " X", "internal secrets"))) {
      assertThat(send(receiver.url("/")))
          .isEqualTo(new Rejected(status, "answered " + status + " where any 2xx was expected"));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void redirectsAreNotFollowed(int status) throws IOException {
    try (RawReceiver target = new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", ""));
        RawReceiver receiver =
            new RawReceiver(
                "127.0.0.1",
                "HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
                    .formatted(status, target.url("/")))) {
      assertThat(send(receiver.url("/")))
          .isInstanceOfSatisfying(
              Rejected.class,
              rejected -> {
                assertThat(rejected.status()).isEqualTo(status);
                assertThat(rejected.reason()).contains("redirects are not followed");
              });
      assertThat(target.requests()).isEmpty();
    }
  }

  @Test
  void aReceiverThatNeverAnswers() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", "")) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Failed("no answer: nothing within 2 s"));
      receiver.awaitHangUp();
    }
  }

  @Test
  void headersThatNeverEnd() throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", "HTTP/1.1 200 OK\r\n")
            .thenForEver("X: y\r\n", Duration.ofMillis(100))) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Failed("no answer: nothing within 2 s"));
      receiver.awaitHangUp();
    }
  }

  /** A receiver, or a proxy before it, may say that it is at work before it answers. */
  @ParameterizedTest
  @ValueSource(strings = {"100 Continue", "103 Early Hints"})
  void whatComesBeforeTheAnswerIsNoAnswer(String interim) throws IOException {
    try (RawReceiver receiver =
        new RawReceiver(
            "127.0.0.1",
            "HTTP/1.1 " + interim + "\r\n\r\n" + RawReceiver.answer("204 No Content", ""))) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(204));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"X-Long: LONG", "Set-Cookie: a=模型; b=\u00e9", "X-Empty:", "X_odd-1: ,;="})
  void longAndOddHeadersAreNoFailure(String header) throws IOException {
    try (RawReceiver receiver =
        new RawReceiver(
            "127.0.0.1",
            "HTTP/1.1 200 OK\r\n"
                + header.replace("LONG", "y".repeat(40_000))
                + "\r\nContent-Length: 0\r\n\r\n")) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(200));
    }
  }

  @Test
  void hugeHeaders() throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", "HTTP/1.1 200 OK\r\nX: ")
            .thenForEver("y".repeat(8192), Duration.ZERO)) {
      assertThat(send(receiver.url("/"))).isInstanceOf(Failed.class);
      receiver.awaitHangUp();
    }
  }

  @Test
  void aBodyThatNeverEndsIsNotWaitedFor() throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            .thenForEver("z", Duration.ofMillis(100))) {
      long start = System.nanoTime();
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(200));
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
      receiver.awaitHangUp();
    }
  }

  @Test
  void aHugeBodyIsNotTakenIn() throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .thenForEver("2000\r\n" + "z".repeat(8192) + "\r\n", Duration.ZERO)) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(200));
      receiver.awaitHangUp();
      // The sockets hold this much between the two sides.
      assertThat(receiver.bytesSent()).isLessThan(32_000_000);
    }
  }

  @Test
  void aSmallBodyIsTakenInWhole() throws IOException {
    try (RawReceiver receiver =
        new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", "x".repeat(60_000)))) {
      long start = System.nanoTime();
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(200));
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LIMITS.drain());
    }
  }

  @Test
  void whatIsNoHttp() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", "SSH-2.0-OpenSSH_9.2\r\n\r\n")) {
      assertThat(send(receiver.url("/"))).isInstanceOf(Failed.class);
    }
  }

  @Test
  void aConnectionThatIsRefused() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    assertThat(send(URI.create("http://127.0.0.1:" + port + "/")))
        .isInstanceOfSatisfying(
            Failed.class,
            failed ->
                assertThat(failed.reason())
                    .contains("cannot connect to 127.0.0.1: Connection refused"));
  }

  @Test
  void ipv6() throws IOException {
    try (RawReceiver receiver = new RawReceiver("::1", RawReceiver.answer("200 OK", ""))) {
      assertThat(send(receiver.url("/"))).isEqualTo(new Delivered(200));
      assertThat(receiver.only().headers()).containsEntry("host", "[::1]:" + receiver.port());
    }
  }

  @Test
  void theNextAddressIsTriedWhereOneTakesNoConnection() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.3", RawReceiver.answer("200 OK", ""))) {
      HostResolver resolver =
          host -> Stream.of("127.0.0.2", "127.0.0.3").map(InetAddress::ofLiteral).toList();
      URI url = URI.create("http://two.test:" + receiver.port() + "/");
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
        assertThat(sender.send(delivery(url))).isEqualTo(new Delivered(200));
      }
      assertThat(receiver.only().headers()).containsEntry("host", "two.test:" + receiver.port());
    }
  }

  @Test
  void loopbackIsForbiddenUnlessAllowed() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", ""));
        SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, List.of(), new HttpClientOptions())) {
      assertThat(sender.send(delivery(receiver.url("/")))).isInstanceOf(Forbidden.class);
      assertThat(receiver.connections()).isZero();
    }
  }

  /** The name resolves to an allowed address once, and then only to the metadata service's. */
  @Test
  void aNameThatChangesItsAddressIsJudgedAtEveryTry() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", RawReceiver.answer("500 X", ""))) {
      AtomicInteger lookups = new AtomicInteger();
      Deque<String> answers = new ArrayDeque<>(List.of("127.0.0.1"));
      HostResolver resolver =
          host -> {
            lookups.incrementAndGet();
            String next = Optional.ofNullable(answers.poll()).orElse("169.254.169.254");
            return List.of(InetAddress.ofLiteral(next));
          };
      URI url = URI.create("http://rebinding.test:" + receiver.port() + "/");
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
        assertThat(sender.send(delivery(url))).isInstanceOf(Rejected.class);
        assertThat(lookups).as("lookups of one try").hasValue(1);
        assertThat(sender.send(delivery(url))).isInstanceOf(Forbidden.class);
      }
      assertThat(receiver.requests()).hasSize(1);
    }
  }

  /**
   * An address remembers the name by which it was found. The connection must not look that name up
   * again.
   */
  @Test
  void theConnectionGoesToTheAddressThatWasJudged() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", ""))) {
      HostResolver resolver =
          host -> List.of(InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1}));
      URI url = URI.create("http://not-in-any-dns.test:" + receiver.port() + "/");
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
        assertThat(sender.send(delivery(url))).isEqualTo(new Delivered(200));
      }
    }
  }

  @Test
  void aNameThatDoesNotResolveIsWorthAnotherTry() {
    try (SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
      assertThat(sender.send(delivery(URI.create("http://no-such-name.invalid/"))))
          .isInstanceOf(Failed.class);
    }
  }

  @Test
  void tlsIsVerifiedWithTheHostName() throws Exception {
    JksOptions keys = keyStore("hook.test");
    AtomicInteger requests = new AtomicInteger();
    int port =
        vertx
            .createHttpServer(new HttpServerOptions().setSsl(true).setKeyCertOptions(keys))
            .requestHandler(
                request -> {
                  requests.incrementAndGet();
                  request.response().end("ok");
                })
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .join()
            .actualPort();
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    CallbackDelivery right = delivery(URI.create("https://hook.test:" + port + "/"));
    CallbackDelivery wrong = delivery(URI.create("https://other.test:" + port + "/"));

    try (HttpCallbackSender stranger = sender(resolver, LOOPBACK, new HttpClientOptions())) {
      assertThat(stranger.send(right))
          .isInstanceOfSatisfying(Failed.class, HttpCallbackSenderTest::atOnce);
    }
    HttpClientOptions trusting = new HttpClientOptions().setTrustOptions(keys);
    try (HttpCallbackSender friend = sender(resolver, LOOPBACK, trusting)) {
      assertThat(friend.send(wrong))
          .isInstanceOfSatisfying(Failed.class, HttpCallbackSenderTest::atOnce);
      assertThat(requests).hasValue(0);
      assertThat(friend.send(right)).isEqualTo(new Delivered(200));
      assertThat(requests).hasValue(1);
    }
  }

  @Test
  void tlsWithSomethingThatSpeaksNone() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", "")) {
      URI url = URI.create("https://127.0.0.1:" + receiver.port() + "/");
      assertThat(send(url)).isInstanceOf(Failed.class);
      receiver.awaitHangUp();
    }
  }

  @Test
  void manyAtOnce() throws Exception {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", "{}"));
        SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
      AtomicInteger delivered = new AtomicInteger();
      List<Thread> threads =
          Stream.generate(
                  () ->
                      Thread.ofVirtual()
                          .start(
                              () -> {
                                if (sender.send(delivery(receiver.url("/"))) instanceof Delivered) {
                                  delivered.incrementAndGet();
                                }
                              }))
              .limit(64)
              .toList();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(delivered).hasValue(64);
    }
  }

  private static void atOnce(Failed failed) {
    assertThat(failed.reason())
        .startsWith("cannot connect to 127.0.0.1: ")
        .doesNotContain("nothing within");
  }

  private CallbackResult send(URI url) {
    try (SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, LOOPBACK, new HttpClientOptions())) {
      return sender.send(delivery(url));
    }
  }

  private HttpCallbackSender sender(
      HostResolver resolver, List<AddressPattern> allow, HttpClientOptions base) {
    AddressPolicy policy = new AddressPolicy(allow, List.of(), resolver);
    Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    return new HttpCallbackSender(vertx, policy, KEY, clock, LIMITS, base);
  }

  private static CallbackDelivery delivery(URI url) {
    return new CallbackDelivery("d-1", url, BODY);
  }

  private JksOptions keyStore(String host) throws Exception {
    Path store = directory.resolve("keys.p12");
    String word = "changeit";
    Map<String, String> options =
        Map.of(
            "-alias",
            "x",
            "-keyalg",
            "EC",
            "-dname",
            "CN=" + host,
            "-ext",
            "san=dns:" + host,
            "-keystore",
            store.toString(),
            "-storetype",
            "PKCS12",
            "-storepass",
            word);
    Stream<String> command =
        Stream.concat(
            Stream.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair"),
            options.entrySet().stream()
                .flatMap(option -> Stream.of(option.getKey(), option.getValue())));
    Process keytool = new ProcessBuilder(command.toList()).inheritIO().start();
    assertThat(keytool.waitFor()).isZero();
    return new JksOptions().setPath(store.toString()).setPassword(word);
  }
}
