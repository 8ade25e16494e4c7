package io.gpurunner.agent.callback;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.callback.CallbackResult.Delivered;
import io.gpurunner.agent.callback.CallbackResult.Failed;
import io.gpurunner.agent.callback.CallbackResult.Forbidden;
import io.gpurunner.agent.callback.CallbackResult.Rejected;
import io.gpurunner.storage.FaultProxy;
import io.gpurunner.storage.HttpFront;
import io.gpurunner.storage.ServerTrust;
import io.gpurunner.storage.TestCertificates;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
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
      byte[] keyOfAlice = new UserKeys(KEY).of("alice").getBytes(UTF_8);
      assertThat(request.headers())
          .containsEntry(
              "x-gpurunner-user-signature-256",
              new CallbackSignature(keyOfAlice).of(NOW.getEpochSecond(), BODY));
    }
  }

  /** A user knows his own key. It signs in no other user's name, and not in the machine's. */
  @Test
  void aUsersKeySignsForNobodyElse() {
    UserKeys keys = new UserKeys(KEY);
    long now = NOW.getEpochSecond();
    String alice = keys.signature("alice").of(now, BODY);
    assertThat(keys.of("alice")).matches("[0-9a-f]{64}").isEqualTo(new UserKeys(KEY).of("alice"));
    assertThat(keys.signature("bob").of(now, BODY)).isNotEqualTo(alice);
    assertThat(new CallbackSignature(KEY).of(now, BODY)).isNotEqualTo(alice);
    // The key of a user is nothing that the machine's key signs as a callback.
    assertThat(new CallbackSignature(KEY).of(now, "callback-key:alice"))
        .isNotEqualTo("sha256=" + keys.of("alice"));
    assertThat(new UserKeys(new byte[64]).of("alice")).isNotEqualTo(keys.of("alice"));
  }

  @Test
  void aHostWithAnUnderscore() throws Exception {
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    try (RawReceiver receiver =
            new RawReceiver("127.0.0.1", RawReceiver.answer("204 No Content", ""));
        HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
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
  @ValueSource(strings = {"100 Continue", "102 Processing", "103 Early Hints", "110 X"})
  void whatComesBeforeTheAnswerIsNoAnswer(String interim) throws IOException {
    try (RawReceiver receiver =
        new RawReceiver(
            "127.0.0.1",
            "HTTP/1.1 %1$s\r\n\r\nHTTP/1.1 %1$s\r\nX: y\r\n\r\n".formatted(interim)
                + RawReceiver.answer("204 No Content", ""))) {
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
        .isEqualTo(new Failed("cannot connect to 127.0.0.1: Connection refused"));
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
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
        assertThat(sender.send(delivery(url))).isEqualTo(new Delivered(200));
      }
      assertThat(receiver.only().headers()).containsEntry("host", "two.test:" + receiver.port());
    }
  }

  @Test
  void loopbackIsForbiddenUnlessAllowed() throws IOException {
    try (RawReceiver receiver = new RawReceiver("127.0.0.1", RawReceiver.answer("200 OK", ""));
        SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, List.of())) {
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
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
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
      try (HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
        assertThat(sender.send(delivery(url))).isEqualTo(new Delivered(200));
      }
    }
  }

  @Test
  void aNameThatDoesNotResolveIsWorthAnotherTry() {
    try (SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
      assertThat(sender.send(delivery(URI.create("http://no-such-name.invalid/"))))
          .isInstanceOf(Failed.class);
    }
  }

  @Test
  void tlsIsVerifiedWithTheHostName() throws Exception {
    TestCertificates lab = new TestCertificates(directory, "lab");
    HostResolver resolver = host -> List.of(InetAddress.ofLiteral("127.0.0.1"));
    try (RawReceiver receiver =
            new RawReceiver("127.0.0.1", RawReceiver.answer("204 No Content", ""));
        FaultProxy tls = new FaultProxy(receiver.url("/"), lab.server("hook.test"));
        HttpCallbackSender stranger = sender(resolver, LOOPBACK);
        HttpCallbackSender friend =
            sender(resolver, LOOPBACK, Optional.empty(), Optional.of(lab.authorityFile()))) {
      int port = tls.uri().getPort();
      CallbackDelivery right = delivery(URI.create("https://hook.test:" + port + "/"));
      CallbackDelivery wrong = delivery(URI.create("https://other.test:" + port + "/"));

      assertThat(stranger.send(right))
          .isEqualTo(
              new Failed(
                  "cannot connect to 127.0.0.1: the server does not trust the issuer of the"
                      + " receiver's certificate (tls.ca-file)"));
      assertThat(friend.send(wrong))
          .isEqualTo(
              new Failed(
                  "cannot connect to 127.0.0.1: the receiver's certificate is for another name"));
      assertThat(receiver.requests()).isEmpty();
      assertThat(friend.send(right)).isEqualTo(new Delivered(204));
      assertThat(receiver.requests()).hasSize(1);
    }
  }

  /** A receiver far away is called by the proxy, one that is near directly. */
  @Test
  void farReceiversAreCalledByTheProxy() throws Exception {
    TestCertificates lab = new TestCertificates(directory, "lab");
    HostResolver resolver =
        host ->
            switch (host) {
              case "far.test" -> List.of(InetAddress.ofLiteral("203.0.113.7"));
              case "near.test" -> List.of(InetAddress.ofLiteral("127.0.0.1"));
              case "169.254.169.254" -> List.of(InetAddress.ofLiteral(host));
              default -> throw new UnknownHostException("the host does not resolve: " + host);
            };
    try (RawReceiver receiver =
            new RawReceiver("127.0.0.1", RawReceiver.answer("204 No Content", ""));
        FaultProxy tls = new FaultProxy(receiver.url("/"), lab.server("far.test"));
        HttpFront proxy =
            HttpFront.proxy(host -> host.endsWith(":443") ? tls.uri() : receiver.url("/"));
        HttpCallbackSender sender =
            sender(
                resolver, LOOPBACK, Optional.of(proxy.uri()), Optional.of(lab.authorityFile()))) {
      assertThat(sender.send(delivery(URI.create("http://far.test/hook?a=b"))))
          .isEqualTo(new Delivered(204));
      assertThat(receiver.only().line()).isEqualTo("POST /hook?a=b HTTP/1.1");
      assertThat(receiver.only().headers()).containsEntry("host", "far.test");
      assertThat(sender.send(delivery(URI.create("https://far.test/hook"))))
          .isEqualTo(new Delivered(204));
      assertThat(sender.send(delivery(URI.create("http://known-to-the-proxy.test/"))))
          .isEqualTo(new Delivered(204));
      assertThat(proxy.seen())
          .containsExactly(
              "POST http://far.test/hook?a=b HTTP/1.1",
              "CONNECT far.test:443 HTTP/1.1",
              "POST http://known-to-the-proxy.test/ HTTP/1.1");

      assertThat(sender.send(delivery(URI.create("https://known-to-the-proxy.test/"))))
          .isEqualTo(
              new Failed(
                  "cannot connect by the proxy %s: the receiver's certificate is for another name"
                      .formatted(proxy.uri())));
      URI near = URI.create("http://near.test:" + receiver.port() + "/");
      assertThat(sender.send(delivery(near))).isEqualTo(new Delivered(204));
      assertThat(proxy.seen()).hasSize(4);
      // A proxy may take each of them for the address of a cloud's metadata.
      for (String host :
          List.of("169.254.169.254", "2852039166", "0xa9fea9fe", "0177.0.0.1", "10.1")) {
        assertThat(sender.send(delivery(URI.create("http://" + host + "/"))))
            .as(host)
            .isInstanceOf(Forbidden.class);
      }
      assertThat(proxy.seen()).hasSize(4);
    }
  }

  @Test
  void aProxyThatIsAway() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    URI proxy = URI.create("http://127.0.0.1:" + port);
    HostResolver far = host -> List.of(InetAddress.ofLiteral("203.0.113.7"));
    try (HttpCallbackSender sender = sender(far, LOOPBACK, Optional.of(proxy), Optional.empty())) {
      for (String url : List.of("http://far.test/", "https://far.test/")) {
        assertThat(sender.send(delivery(URI.create(url))))
            .isInstanceOfSatisfying(
                Failed.class,
                failed ->
                    assertThat(failed.reason())
                        .startsWith("cannot connect by the proxy " + proxy + ": ")
                        .contains("refused"));
      }
    }
  }

  @Test
  void aProxyThatRefuses() throws Exception {
    String answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    HostResolver far = host -> List.of(InetAddress.ofLiteral("203.0.113.7"));
    try (HttpFront proxy = HttpFront.before(URI.create("http://x"), head -> Optional.of(answer));
        HttpCallbackSender sender =
            sender(far, LOOPBACK, Optional.of(proxy.uri()), Optional.empty())) {
      assertThat(sender.send(delivery(URI.create("http://far.test/"))))
          .isEqualTo(
              new Rejected(
                  403,
                  "answered 403 where any 2xx was expected (by the proxy " + proxy.uri() + ")"));
      assertThat(sender.send(delivery(URI.create("https://far.test/"))))
          .isInstanceOfSatisfying(
              Failed.class, failed -> assertThat(failed.reason()).contains("by the proxy", "403"));
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
        HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
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

  private CallbackResult send(URI url) {
    try (SystemHostResolver resolver = new SystemHostResolver();
        HttpCallbackSender sender = sender(resolver, LOOPBACK)) {
      return sender.send(delivery(url));
    }
  }

  private HttpCallbackSender sender(HostResolver resolver, List<AddressPattern> allow) {
    return sender(resolver, allow, Optional.empty(), Optional.empty());
  }

  private HttpCallbackSender sender(
      HostResolver resolver,
      List<AddressPattern> allow,
      Optional<URI> proxy,
      Optional<Path> caFile) {
    AddressPolicy policy = new AddressPolicy(allow, List.of(), resolver);
    Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    return new HttpCallbackSender(
        vertx, policy, KEY, clock, LIMITS, proxy, new ServerTrust(caFile));
  }

  private static CallbackDelivery delivery(URI url) {
    return new CallbackDelivery("d-1", Optional.of("alice"), url, BODY);
  }
}
