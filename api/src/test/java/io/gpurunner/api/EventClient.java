package io.gpurunner.api;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A client of a stream that reads only when a test asks it to. */
final class EventClient implements AutoCloseable {
  private final Socket socket;
  private final BufferedReader in;

  EventClient(int port, String path, String token) throws IOException {
    socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    socket.setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
    socket
        .getOutputStream()
        .write(
            ("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
    in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
  }

  /** Returns the head of the answer, and reads up to the first comment. */
  List<String> head() throws IOException {
    List<String> head = new ArrayList<>();
    for (String line = line(); !line.isEmpty(); line = line()) {
      head.add(line);
    }
    if (head.getFirst().contains(" 200 ")) {
      comment();
    }
    return head;
  }

  private String line() throws IOException {
    String line = in.readLine();
    if (line == null) {
      throw new IOException("the stream ended");
    }
    return line;
  }

  /** Reads up to the next comment. */
  void comment() throws IOException {
    while (!line().equals(":")) {
      // events before it
    }
  }

  /** Returns the next line that begins so, without its beginning. */
  String next(String beginning) throws IOException {
    for (String line = line(); true; line = line()) {
      if (line.startsWith(beginning)) {
        return line.substring(beginning.length());
      }
    }
  }

  /** Reads to the end of the connection, and returns all lines. */
  List<String> rest() {
    List<String> lines = new ArrayList<>();
    try {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(line);
      }
    } catch (SocketTimeoutException e) {
      throw new UncheckedIOException("the stream does not end", e);
    } catch (IOException reset) {
      // The server closed the connection.
    }
    return lines;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
