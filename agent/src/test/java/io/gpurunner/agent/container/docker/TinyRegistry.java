package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * An image registry on loopback, which Docker uses without TLS. It has the part of the OCI
 * distribution API that a pull needs, one image with one file, and the faults that a pull can meet.
 * The image's configuration has ports that the engine accepts and docker-java cannot read.
 */
public final class TinyRegistry implements AutoCloseable {
  private static final String MANIFEST_TYPE =
      "application/vnd.docker.distribution.manifest.v2+json";

  /** The first byte of a TLS handshake record (RFC 8446, section 5.1). */
  private static final int TLS_HANDSHAKE = 0x16;

  private final HttpServer server;
  private final ServerSocket door;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final CountDownLatch asked = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private final Map<String, byte[]> blobs = new ConcurrentHashMap<>();
  private final byte[] layerTar = tar("hello.txt", "hello\n".getBytes(UTF_8));
  private volatile String manifest;
  private volatile boolean away;
  private volatile boolean needsLogin;
  private final AtomicInteger questions = new AtomicInteger();

  public TinyRegistry() throws IOException {
    this("first");
  }

  /**
   * @param label makes the image another one than that of other registries
   */
  TinyRegistry(String label) throws IOException {
    manifest = manifestOf(label);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newThreadPerTaskExecutor(Thread.ofVirtual().factory()));
    server.createContext("/", this::handle);
    server.start();
    door = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::letIn);
  }

  /** Returns the manifest of an image with this label, which the registry has from now on. */
  private String manifestOf(String label) throws IOException {
    byte[] layerBytes = gzip(layerTar);
    String layer = blob(layerBytes);
    byte[] configBytes =
        """
        {"architecture":"amd64","os":"linux",
         "config":{"Cmd":["/hello.txt"],"Labels":{"version":"%s"},"ExposedPorts":{"8000-8010/tcp":{},"abc":{}}},
         "rootfs":{"type":"layers","diff_ids":["%s"]}}"""
            .formatted(label, digest(layerTar))
            .getBytes(UTF_8);
    String config = blob(configBytes);
    return """
        {"schemaVersion":2,"mediaType":"%s",
         "config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":"%s"},
         "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":%d,"digest":"%s"}]}"""
        .formatted(MANIFEST_TYPE, configBytes.length, config, layerBytes.length, layer);
  }

  /** Puts another image in the place of the one that the tags lead to. */
  void renew() throws IOException {
    manifest = manifestOf("second");
  }

  /** Answers every question with status 503 from now on. */
  void away(boolean isAway) {
    away = isAway;
  }

  /** Returns how often a manifest was asked for. */
  int questions() {
    return questions.get();
  }

  /** Returns the digest of the image. */
  String digest() {
    return digest(manifest.getBytes(UTF_8));
  }

  /**
   * Passes connections on to the server. Docker tries TLS first and would wait 10 s for an answer,
   * so a connection that begins with TLS is closed at once.
   */
  private void letIn() {
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        Thread.ofVirtual().start(() -> connect(client));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void connect(Socket client) {
    try (client;
        Socket inner =
            new Socket(server.getAddress().getAddress(), server.getAddress().getPort())) {
      int first = client.getInputStream().read();
      if (first < 0 || first == TLS_HANDSHAKE) {
        return;
      }
      inner.getOutputStream().write(first);
      Thread.ofVirtual().start(() -> pump(client, inner));
      inner.getInputStream().transferTo(client.getOutputStream());
    } catch (IOException e) {
      // One side went away; both are closed.
    }
  }

  private static void pump(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
      to.shutdownOutput();
    } catch (IOException e) {
      // The other direction ends too and closes both.
    }
  }

  /** Returns {@code 127.0.0.1:port/repository:tag}. */
  public String image(String repositoryAndTag) {
    return "127.0.0.1:" + door.getLocalPort() + "/" + repositoryAndTag;
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      questions.addAndGet(path.contains("/manifests/") ? 1 : 0);
      if (away) {
        error(exchange, 503, "UNAVAILABLE", "the registry is away");
      } else if (needsLogin && !isLoggedIn(exchange)) {
        exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"tiny\"");
        error(exchange, 401, "UNAUTHORIZED", "authentication required");
      } else if (path.contains("/stalls/") && path.contains("/blobs/")) {
        closing.await();
      } else if (path.contains("/stalls/") && path.contains("/manifests/")) {
        manifest(exchange);
      } else if (path.contains("/hangs/")) {
        closing.await();
      } else if (path.contains("/denied/")) {
        error(exchange, 403, "DENIED", "requested access to the resource is denied");
      } else if (path.contains("/unauthorized/")) {
        error(exchange, 401, "UNAUTHORIZED", "authentication required");
      } else if (path.contains("/broken/")) {
        error(exchange, 500, "UNKNOWN", "the registry is on fire");
      } else if (path.contains("/busy/")) {
        error(exchange, 429, "TOOMANYREQUESTS", "slow down");
      } else if (path.equals("/v2/")) {
        answer(exchange, 200, "application/json", "{}".getBytes(UTF_8));
      } else if (path.contains("/good/")
          && path.contains("/manifests/")
          && !path.endsWith("/missing")) {
        manifest(exchange);
      } else if (path.contains("/held/") && path.contains("/manifests/")) {
        manifest(exchange);
      } else if (path.contains("/held/") && path.contains("/blobs/") && released.getCount() > 0) {
        asked.countDown();
        released.await();
      } else if (path.contains("/blobs/") && blobs.containsKey(lastSegment(path))) {
        answer(
            exchange,
            200,
            "application/octet-stream",
            requireNonNull(blobs.get(lastSegment(path))));
      } else {
        error(exchange, 404, "MANIFEST_UNKNOWN", "manifest unknown");
      }
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  /** Answers only those who know {@link #login} from now on. */
  void requireLogin() {
    needsLogin = true;
  }

  /** Returns the user and the password, with a colon between them. */
  static String login() {
    return "ann:not-a-secret";
  }

  private static boolean isLoggedIn(HttpExchange exchange) {
    String expected = "Basic " + Base64.getEncoder().encodeToString(login().getBytes(UTF_8));
    return expected.equals(exchange.getRequestHeaders().getFirst("Authorization"));
  }

  private void manifest(HttpExchange exchange) throws IOException {
    byte[] bytes = manifest.getBytes(UTF_8);
    exchange.getResponseHeaders().set("Docker-Content-Digest", digest(bytes));
    answer(exchange, 200, MANIFEST_TYPE, bytes);
  }

  /** Waits until a pull of an image below {@code held/} has begun to load layers. */
  public boolean awaitHeld(long seconds) throws InterruptedException {
    return asked.await(seconds, TimeUnit.SECONDS);
  }

  /** Lets pulls of images below {@code held/} finish from now on. */
  public void release() {
    released.countDown();
  }

  private static String lastSegment(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static void error(HttpExchange exchange, int status, String code, String message)
      throws IOException {
    String body = "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}".formatted(code, message);
    answer(exchange, status, "application/json", body.getBytes(UTF_8));
  }

  private static void answer(HttpExchange exchange, int status, String type, byte[] body)
      throws IOException {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.getResponseHeaders().set("Docker-Distribution-Api-Version", "registry/2.0");
    boolean head = exchange.getRequestMethod().equals("HEAD");
    if (head) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
    }
    exchange.sendResponseHeaders(status, head ? -1 : body.length);
    if (!head) {
      exchange.getResponseBody().write(body);
    }
  }

  private String blob(byte[] bytes) {
    String digest = digest(bytes);
    blobs.put(digest, bytes);
    return digest;
  }

  private static String digest(byte[] bytes) {
    try {
      return "sha256:"
          + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] tar(String file, byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      TarArchiveEntry entry = new TarArchiveEntry(file);
      entry.setSize(content.length);
      tar.putArchiveEntry(entry);
      tar.write(content);
      tar.closeArchiveEntry();
    }
    return bytes.toByteArray();
  }

  private static byte[] gzip(byte[] content) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  @Override
  public void close() {
    closing.countDown();
    released.countDown();
    try {
      door.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.stop(0);
  }
}
