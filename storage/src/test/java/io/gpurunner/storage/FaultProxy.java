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
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import javax.net.ServerSocketFactory;
import javax.net.ssl.SSLContext;

/**
 * A proxy in front of a real S3 server that breaks connections as networks and servers do. It
 * passes requests on unchanged: the server checks their signatures, which cover the Host header
 * with the name of this proxy. Thread-safe.
 */
public final class FaultProxy implements AutoCloseable {
  private static final int BUFFER_BYTES = 64 << 10;
  private static final int REQUEST_HEAD_LIMIT = 64 << 10;

  private final URI target;
  private final String address;
  private final ServerSocket listener;
  private final Queue<Fault> next = new ConcurrentLinkedQueue<>();
  private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
  private final LongAdder sent = new LongAdder();
  private volatile Fault always = new None();

  /** What happens to one connection. */
  private sealed interface Fault {}

  /** It goes through. */
  private record None() implements Fault {}

  /** Its first request is answered here, and it is closed. */
  private record Answer(int status, String code) implements Fault {}

  /** It is reset once the client has sent so many bytes. */
  private record Reset(long afterBytes) implements Fault {}

  /** It goes through, but no faster than this. */
  private record Slow(long bytesPerSecond) implements Fault {}

  /**
   * @param target the server; only its host and port count
   */
  public FaultProxy(URI target) {
    this(target, ServerSocketFactory.getDefault(), "http://127.0.0.1:");
  }

  /**
   * A proxy that clients reach by TLS.
   *
   * @param target the server; only its host and port count
   * @param tls its key and certificate
   */
  public FaultProxy(URI target, SSLContext tls) {
    this(target, tls.getServerSocketFactory(), "https://localhost:");
  }

  private FaultProxy(URI target, ServerSocketFactory sockets, String address) {
    this.target = target;
    this.address = address;
    try {
      listener = sockets.createServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(this::accept);
  }

  /** Returns the URL of this proxy. */
  public URI uri() {
    return URI.create(address + listener.getLocalPort());
  }

  /** Answers the next connections with this status and error code. */
  void answerNext(int connections, int status, String code) {
    add(connections, new Answer(status, code));
  }

  /** Resets the next connections after so many bytes from the client. */
  void resetNext(int connections, long afterBytes) {
    add(connections, new Reset(afterBytes));
  }

  /** Answers every connection like this, unless it has another fault. */
  public void answerAll(int status, String code) {
    always = new Answer(status, code);
  }

  /** Resets every connection like this, unless it has another fault. */
  public void resetAll(long afterBytes) {
    always = new Reset(afterBytes);
  }

  /** Slows every connection down like this, unless it has another fault. */
  public void slowAll(long bytesPerSecond) {
    always = new Slow(bytesPerSecond);
  }

  /** Ends the open connections, so that clients open new ones and meet the faults set since. */
  public void endOpen() {
    open.forEach(FaultProxy::closeQuietly);
  }

  /** Makes the server unreachable: every connection is reset, the open ones too. */
  public void cut() {
    always = new Reset(0);
    endOpen();
  }

  /** Makes the server reachable again. */
  public void mend() {
    always = new None();
  }

  private void add(int connections, Fault fault) {
    for (int i = 0; i < connections; i++) {
      next.add(fault);
    }
  }

  /** Returns the number of planned faults that no connection has met yet. */
  int left() {
    return next.size();
  }

  /** Returns the bytes that all clients together have sent to the server. */
  public long sentBytes() {
    return sent.sum();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        open.add(client);
        Fault planned = next.poll();
        Fault fault = planned == null ? always : planned;
        Thread.ofVirtual().start(() -> serve(client, fault));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket client, Fault fault) {
    try (client) {
      switch (fault) {
        case None _ -> pass(client, Long.MAX_VALUE, Long.MAX_VALUE);
        case Answer answer -> answer(client, answer);
        case Reset reset -> {
          pass(client, reset.afterBytes(), Long.MAX_VALUE);
          // Closing now sends RST instead of FIN.
          client.setSoLinger(true, 0);
        }
        case Slow slow -> pass(client, Long.MAX_VALUE, slow.bytesPerSecond());
      }
    } catch (IOException gone) {
      // One side closed the connection; now both are closed.
    } finally {
      open.remove(client);
    }
  }

  /** Passes bytes on until one side ends, or the client has sent {@code mostBytes}. */
  private void pass(Socket client, long mostBytes, long bytesPerSecond) throws IOException {
    try (Socket server = new Socket(target.getHost(), target.getPort())) {
      open.add(server);
      Thread.ofVirtual().start(() -> back(server, client));
      InputStream in = client.getInputStream();
      OutputStream out = server.getOutputStream();
      byte[] buffer = new byte[BUFFER_BYTES];
      long passed = 0;
      int read;
      while (passed < mostBytes && (read = in.read(buffer)) >= 0) {
        out.write(buffer, 0, read);
        passed += read;
        sent.add(read);
        if (bytesPerSecond < Long.MAX_VALUE) {
          LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(read) / bytesPerSecond);
        }
      }
      open.remove(server);
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

  private static void answer(Socket client, Answer answer) throws IOException {
    InputStream in = client.getInputStream();
    StringBuilder head = new StringBuilder();
    int read;
    while (head.indexOf("\r\n\r\n") < 0 && head.length() < REQUEST_HEAD_LIMIT) {
      if ((read = in.read()) < 0) {
        return;
      }
      head.append((char) read);
    }
    String body =
        "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>the test asked for this error</Message></Error>"
            .formatted(answer.code());
    client
        .getOutputStream()
        .write(
            "HTTP/1.1 %d X\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                .formatted(answer.status(), body.length(), body)
                .getBytes(ISO_8859_1));
    client.shutdownOutput();
    // The rest of the request is read. Otherwise the client would see a reset, not the answer.
    in.transferTo(OutputStream.nullOutputStream());
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException gone) {
      // It is closed either way.
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    endOpen();
  }
}
