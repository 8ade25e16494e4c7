package io.gpurunner.agent.callback;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A server that records the bytes that it gets, and answers with given bytes, even malformed ones.
 */
final class RawReceiver implements AutoCloseable {
  private final ServerSocket socket;
  private final String host;
  private final String answer;
  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private final AtomicInteger connections = new AtomicInteger();
  private final AtomicInteger hungUp = new AtomicInteger();
  private final AtomicLong bytesSent = new AtomicLong();
  private final CountDownLatch closing = new CountDownLatch(1);
  private volatile String repeated = "";
  private volatile Duration pause = Duration.ZERO;

  /**
   * A request that came in.
   *
   * @param body the bytes of the body, one character for each (ISO 8859-1)
   */
  record Request(String line, Map<String, String> headers, String body) {}

  /**
   * @param answer is sent as it is; nothing is sent if it is empty
   */
  RawReceiver(String address, String answer) throws IOException {
    this.host = address.contains(":") ? "[" + address + "]" : address;
    this.answer = answer;
    this.socket = new ServerSocket(0, 128, InetAddress.ofLiteral(address));
    Thread.ofVirtual().start(this::accept);
  }

  static String answer(String status, String body) {
    return "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s".formatted(status, body.length(), body);
  }

  /** Makes it send this text after the answer, again and again, until the other side hangs up. */
  RawReceiver thenForEver(String text, Duration between) {
    pause = between;
    repeated = text;
    return this;
  }

  int port() {
    return socket.getLocalPort();
  }

  URI url(String path) {
    return URI.create("http://" + host + ":" + port() + path);
  }

  List<Request> requests() {
    return List.copyOf(requests);
  }

  Request only() {
    assertThat(requests).hasSize(1);
    return requests.getFirst();
  }

  int connections() {
    return connections.get();
  }

  long bytesSent() {
    return bytesSent.get();
  }

  void awaitHangUp() {
    await().atMost(Duration.ofSeconds(10)).until(() -> hungUp.get() == 1);
  }

  @Override
  public void close() throws IOException {
    closing.countDown();
    socket.close();
  }

  private void accept() {
    while (!socket.isClosed()) {
      try {
        Socket connection = socket.accept();
        connections.incrementAndGet();
        Thread.ofVirtual().start(() -> serve(connection));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      InputStream in = connection.getInputStream();
      OutputStream out = connection.getOutputStream();
      requests.add(read(in));
      out.write(answer.getBytes(ISO_8859_1));
      out.flush();
      byte[] more = repeated.getBytes(ISO_8859_1);
      while (more.length > 0 && !closing.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
        out.write(more);
        bytesSent.addAndGet(more.length);
      }
      // Waits for the other side to hang up.
      in.transferTo(OutputStream.nullOutputStream());
      hungUp.incrementAndGet();
    } catch (IOException | NumberFormatException broken) {
      hungUp.incrementAndGet();
    } catch (InterruptedException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static Request read(InputStream in) throws IOException {
    String line = line(in);
    Map<String, String> headers = new TreeMap<>();
    for (String header = line(in); !header.isEmpty(); header = line(in)) {
      int colon = header.indexOf(':');
      if (colon < 0) {
        throw new IOException("no HTTP");
      }
      headers.put(
          header.substring(0, colon).toLowerCase(Locale.ROOT), header.substring(colon + 1).strip());
    }
    int length = Integer.parseInt(headers.getOrDefault("content-length", "0"));
    return new Request(line, headers, new String(in.readNBytes(length), ISO_8859_1));
  }

  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        throw new IOException("hung up");
      }
      line.write(next);
    }
    return line.toString(ISO_8859_1).strip();
  }
}
