package io.gpurunner.storage;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Stands before a real server and reads every request: as a proxy of HTTP, for requests that name a
 * server themselves and for tunnels; or as a server that refuses some requests. Thread-safe.
 */
public final class HttpFront implements AutoCloseable {
  private static final int HEAD_LIMIT = 128 << 10;
  private static final String END = "\r\n\r\n";

  private final ServerSocket listener;
  private final Function<String, URI> servers;
  private final Function<Head, Optional<String>> refusal;
  private final Queue<String> seen = new ConcurrentLinkedQueue<>();
  private final Queue<Socket> open = new ConcurrentLinkedQueue<>();

  /**
   * The beginning of a request.
   *
   * @param line the request line
   * @param text the line and the headers, with the empty line
   */
  public record Head(String line, String text) {
    /** Returns a header's value, in lower case. */
    public Optional<String> header(String name) {
      return text.lines()
          .map(line -> line.toLowerCase(Locale.ROOT))
          .filter(line -> line.startsWith(name + ":"))
          .map(line -> line.substring(name.length() + 1).strip())
          .findFirst();
    }

    private String target() {
      return line.split(" ", 3)[1];
    }
  }

  private HttpFront(Function<String, URI> servers, Function<Head, Optional<String>> refusal) {
    this.servers = servers;
    this.refusal = refusal;
    try {
      listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofPlatform().daemon().start(this::accept);
  }

  /**
   * A proxy.
   *
   * @param servers returns where a host with its port really is
   */
  public static HttpFront proxy(Function<String, URI> servers) {
    return new HttpFront(servers, head -> Optional.empty());
  }

  /**
   * A server that refuses some requests, and passes the others to another one.
   *
   * @param refusal returns the whole answer, if a request is refused
   */
  public static HttpFront before(URI server, Function<Head, Optional<String>> refusal) {
    return new HttpFront(host -> server, refusal);
  }

  /** Returns its URL. */
  public URI uri() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /** Returns the request lines that it has read. */
  public List<String> seen() {
    return List.copyOf(seen);
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        open.add(client);
        Thread.ofPlatform().daemon().start(() -> serve(client));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      pass(client);
    } catch (IOException gone) {
      // One side closed the connection; now both are closed.
    } finally {
      open.remove(client);
    }
  }

  private void pass(Socket client) throws IOException {
    InputStream in = client.getInputStream();
    Socket server = null;
    try {
      for (Head head = read(in); head != null; head = read(in)) {
        seen.add(head.line());
        Optional<String> refused = refusal.apply(head);
        if (refused.isPresent()) {
          client.getOutputStream().write(refused.get().getBytes(ISO_8859_1));
          client.shutdownOutput();
          in.transferTo(OutputStream.nullOutputStream());
          return;
        }
        if (server == null) {
          server = connect(head);
          Socket backwards = server;
          if (head.line().startsWith("CONNECT ")) {
            client.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".getBytes(ISO_8859_1));
          }
          Thread.ofPlatform().daemon().start(() -> back(backwards, client));
        }
        if (head.line().startsWith("CONNECT ")) {
          in.transferTo(server.getOutputStream());
          return;
        }
        server.getOutputStream().write(toServer(head).getBytes(ISO_8859_1));
        body(in, server.getOutputStream(), head);
      }
    } finally {
      if (server != null) {
        server.close();
        open.remove(server);
      }
    }
  }

  private Socket connect(Head head) throws IOException {
    String target = head.target();
    String host =
        target.startsWith("http:")
            ? URI.create(target).getAuthority()
            : head.line().startsWith("CONNECT ") ? target : head.header("host").orElse("");
    URI where = servers.apply(host);
    Socket server = new Socket(where.getHost(), where.getPort());
    open.add(server);
    return server;
  }

  private static String toServer(Head head) {
    if (!head.target().startsWith("http:")) {
      return head.text();
    }
    URI target = URI.create(head.target());
    String query = target.getRawQuery() == null ? "" : "?" + target.getRawQuery();
    return head.text().replace(head.target(), target.getRawPath() + query);
  }

  private static void body(InputStream in, OutputStream out, Head head) throws IOException {
    long left = head.header("content-length").map(Long::parseLong).orElse(0L);
    byte[] buffer = new byte[64 << 10];
    while (left > 0) {
      int read = in.read(buffer, 0, (int) Math.min(buffer.length, left));
      if (read < 0) {
        throw new IOException("the client ended inside a body");
      }
      out.write(buffer, 0, read);
      left -= read;
    }
  }

  private static void back(Socket server, Socket client) {
    try {
      server.getInputStream().transferTo(client.getOutputStream());
      client.shutdownOutput();
    } catch (IOException gone) {
      // The other direction ends, too, and closes both sockets.
    }
  }

  private static @Nullable Head read(InputStream in) throws IOException {
    StringBuilder text = new StringBuilder();
    while (text.indexOf(END) < 0) {
      int read = in.read();
      if (read < 0 || text.length() > HEAD_LIMIT) {
        return null;
      }
      text.append((char) read);
    }
    return new Head(text.substring(0, text.indexOf("\r\n")), text.toString());
  }

  @Override
  public void close() {
    try {
      listener.close();
      for (Socket socket : open) {
        socket.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
