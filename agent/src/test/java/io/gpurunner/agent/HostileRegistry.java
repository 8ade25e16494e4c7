package io.gpurunner.agent;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A registry of a user's own, or a server of the machine that a user wants to reach: counts the
 * connections and answers each request with the same text. Thread-safe.
 */
final class HostileRegistry implements AutoCloseable {
  /** The first byte of a TLS handshake record (RFC 8446, section 5.1). */
  private static final int TLS_HANDSHAKE = 0x16;

  private static final int MAX_HEAD = 16_384;

  private final ServerSocket door;
  private final String answer;
  private final List<String> requests = new CopyOnWriteArrayList<>();
  private final List<String> connections = new CopyOnWriteArrayList<>();

  /**
   * @param address where it listens; {@code 0.0.0.0} for all addresses
   * @param status the status line's code and words
   * @param headers lines with their ends
   */
  HostileRegistry(String address, String status, String headers, String body) {
    this.answer =
        "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            .formatted(status, headers, body.length(), body);
    try {
      door = new ServerSocket();
      door.bind(new InetSocketAddress(InetAddress.ofLiteral(address), 0));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(this::letIn);
  }

  int port() {
    return door.getLocalPort();
  }

  /** Returns the first lines of the requests so far. */
  List<String> requests() {
    return List.copyOf(requests);
  }

  /** Returns who has connected so far, with TLS or without. */
  List<String> connections() {
    return List.copyOf(connections);
  }

  private void letIn() {
    while (!door.isClosed()) {
      try {
        Socket client = door.accept();
        connections.add(client.getRemoteSocketAddress().toString());
        Thread.ofVirtual().start(() -> serve(client));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      InputStream in = client.getInputStream();
      StringBuilder head = new StringBuilder();
      while (head.length() < MAX_HEAD && head.indexOf("\r\n\r\n") < 0) {
        int next = in.read();
        if (next < 0 || (head.isEmpty() && next == TLS_HANDSHAKE)) {
          return; // Docker tries again without TLS
        }
        head.append((char) next);
      }
      requests.add(head.substring(0, head.indexOf("\r\n")).toUpperCase(Locale.ROOT));
      client.getOutputStream().write(answer.getBytes(ISO_8859_1));
    } catch (IOException gone) {
      // The engine went away.
    }
  }

  @Override
  public void close() {
    try {
      door.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
