package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests what a socket can send and an HTTP client would not. */
final class RawHttpTest {
  /** The error of a client whose connection the server closed. */
  private static final String CUT = "Connection reset.*|Broken pipe.*";

  private ApiFixture api;

  @BeforeEach
  void start() {
    api = new ApiFixture(ApiFixture.SHORT, Optional.empty());
  }

  @AfterEach
  void stop() {
    api.close();
  }

  @Test
  void answers408WhereABodyDoesNotArriveInTime() throws Exception {
    try (Socket socket = connect()) {
      write(socket, head("POST", "/api/userJob", "Content-Length: 100\r\n") + "{\"gpu");

      assertThat(ErrorBody.message(body(readAll(socket)), 408))
          .isEqualTo("body: must arrive within 400 ms, did not");
    }
    assertThat(api.jobs.stored).isEmpty();
  }

  @Test
  void closesAConnectionThatSendsItsHeadByteByByte() throws Exception {
    try (Socket socket = connect()) {
      long started = System.nanoTime();
      assertThat(sendsUntilClosed(socket, "GET /health/live HTTP/1.1\r\nX-Slow: ")).isTrue();
      assertThat((System.nanoTime() - started) / 1_000_000_000).isLessThan(10);
    }
  }

  @Test
  void closesAConnectionThatGoesOnSendingABodyByteByByteAfterItsAnswer() throws Exception {
    try (Socket socket = connect()) {
      write(socket, "POST /api/userJob HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
      assertThat(readHead(socket)).startsWith("HTTP/1.1 401 ");
      assertThat(sendsUntilClosed(socket, "")).isTrue();
    }
  }

  @Test
  void closesAnUnusedConnection() throws Exception {
    try (Socket socket = connect()) {
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void refusesABodyDeclaredTooLargeWithoutReadingIt() throws Exception {
    for (String length : List.of("1048577", "99999999999", "9223372036854775807")) {
      try (Socket socket = connect()) {
        write(
            socket,
            head(
                "POST",
                "/api/userJob",
                "Content-Length: " + length + "\r\nExpect: 100-continue\r\n"));
        assertThat(readHead(socket)).startsWith("HTTP/1.1 413 ");
      }
    }
  }

  @Test
  void refusesAnEndlessChunkedBodyAndCutsTheLineInTheEnd() throws Exception {
    try (Socket socket = connect()) {
      write(socket, head("POST", "/api/userJob", "Transfer-Encoding: chunked\r\n"));
      byte[] chunk = ("10000\r\n" + "x".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.UTF_8);
      long sent = 0;
      try {
        OutputStream out = socket.getOutputStream();
        while (sent < 4 * ApiLimits.MAX_DISCARDED_BODY_BYTES) {
          out.write(chunk);
          sent += chunk.length;
        }
        throw new AssertionError("the server accepted " + sent + " bytes of an endless body");
      } catch (SocketException e) {
        assertThat(e).hasMessageMatching(CUT);
        assertThat(sent).as("bytes sent").isGreaterThan(1_048_576);
      }
    }
    assertThat(api.jobs.stored).isEmpty();
  }

  @Test
  void readsChunkedBodies() throws Exception {
    StringBuilder chunks = new StringBuilder();
    for (char character : GuideBodies.CREATE.toCharArray()) {
      chunks.append("1\r\n").append(character).append("\r\n");
    }
    try (Socket socket = connect()) {
      write(
          socket,
          head("POST", "/api/userJob", "Transfer-Encoding: chunked\r\nConnection: close\r\n")
              + chunks
              + "0\r\n\r\n");
      assertThat(readAll(socket)).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void invitesABodyThatWaitsToBeAskedFor() throws Exception {
    try (Socket socket = connect()) {
      byte[] body = GuideBodies.CREATE.getBytes(StandardCharsets.UTF_8);
      write(
          socket,
          head(
              "POST",
              "/api/userJob",
              "Connection: close\r\nExpect: 100-continue\r\nContent-Length: "
                  + body.length
                  + "\r\n"));
      assertThat(readHead(socket)).startsWith("HTTP/1.1 100 ");
      socket.getOutputStream().write(body);
      assertThat(readAll(socket)).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void takesAPostWithoutALengthForAnEmptyBody() throws Exception {
    try (Socket socket = connect()) {
      write(socket, head("POST", "/api/userJob", "Connection: close\r\n"));
      assertThat(ErrorBody.message(body(readAll(socket)), 400))
          .isEqualTo("body: must be a JSON object, was empty");
    }
  }

  @Test
  void speaksHttp10() throws Exception {
    try (Socket socket = connect()) {
      byte[] body = GuideBodies.CREATE.getBytes(StandardCharsets.UTF_8);
      write(
          socket,
          "POST /api/userJob HTTP/1.0\r\nAuthorization: Bearer "
              + api.token("ann")
              + "\r\nContent-Length: "
              + body.length
              + "\r\n\r\n"
              + GuideBodies.CREATE);
      assertThat(readAll(socket)).startsWith("HTTP/1.0 200 ").contains("job_id");
    }
  }

  @Test
  void answersPipelinedRequestsInOrderAndEndsAtTheGarbageBehindThem() throws Exception {
    try (Socket socket = connect()) {
      String status = head("GET", "/api/userJob/getGpuType", "");
      write(socket, status + head("GET", "/nowhere", "") + "\u0001\u0002garbage\r\n\r\n");
      String answers = readAll(socket);
      List<String> statuses =
          Pattern.compile("HTTP/1.1 ([0-9]{3})")
              .matcher(answers)
              .results()
              .map(found -> found.group(1))
              .toList();
      // The garbage is answered with 400, or the connection is closed. Nothing comes after it.
      assertThat(statuses.subList(0, 2)).as(answers).containsExactly("200", "404");
      assertThat(statuses.subList(2, statuses.size())).as(answers).isSubsetOf("400");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "garbage\r\n\r\n",
        "GET\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /api/userJob HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "GET /health/live HTTP/1.1\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /api/userJob/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /api/userJob/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /% HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://x/nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      })
  void answersGarbageWithAnErrorBodyNeverAnInternalError(String garbage) throws Exception {
    try (Socket socket = connect()) {
      write(socket, garbage);
      String answer = readAll(socket);
      assertThat(answer).matches("(?s)HTTP/1.[01] 4\\d\\d .*");
      ErrorBody.message(body(answer), Integer.parseInt(answer.substring(9, 12)));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u0000\u0000\u0000\r\n\r\n",
        "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"
      })
  void closesWhatSpeaksAnotherProtocol(String greeting) throws Exception {
    try (Socket socket = connect()) {
      write(socket, greeting);
      assertThat(readAll(socket)).doesNotContain(" 200 ");
    }
    assertThat(api.get("/api/userJob").statusCode()).isEqualTo(200);
  }

  @Test
  void boundsTheHead() throws Exception {
    try (Socket socket = connect()) {
      write(
          socket,
          "GET /" + "x".repeat(ApiLimits.MAX_REQUEST_LINE_BYTES) + " HTTP/1.1\r\nHost: x\r\n\r\n");
      ErrorBody.message(body(readAll(socket)), 414);
    }
    try (Socket socket = connect()) {
      write(
          socket,
          "GET / HTTP/1.1\r\nHost: x\r\nX: " + "y".repeat(ApiLimits.MAX_HEADER_BYTES) + "\r\n\r\n");
      ErrorBody.message(body(readAll(socket)), 431);
    }
  }

  @Test
  void closesABadChunkAndServesOn() throws Exception {
    try (Socket socket = connect()) {
      write(
          socket, head("POST", "/api/userJob", "Transfer-Encoding: chunked\r\n") + "zz\r\nxx\r\n");
      assertThat(readAll(socket)).doesNotContain("HTTP/1.1 5").doesNotContain("HTTP/1.1 2");
    }
    assertThat(api.get("/api/userJob").statusCode()).isEqualTo(200);
    assertThat(api.jobs.stored).isEmpty();
  }

  @Test
  void survivesAClientThatLeaves() throws Exception {
    try (ApiFixture patient = new ApiFixture()) {
      String start =
          "POST /api/userJob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + patient.token("ann");
      for (int number = 0; number < 30; number++) {
        for (String rest :
            List.of("\r\nContent-Length: 100\r\n\r\n{", "\r\nContent-Length: 2\r\n\r\n{}")) {
          try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), patient.port)) {
            write(socket, start + rest);
          }
        }
      }
      assertThat(patient.post("/api/userJob", GuideBodies.CREATE).statusCode()).isEqualTo(200);
      assertThat(patient.jobs.stored).hasSize(1);
    }
  }

  @Test
  void aConnectionWithoutAnAcceptedRequestGoesForANewOne() throws Exception {
    int limit = 3;
    ApiSettings.Waits usual = ApiSettings.Waits.DEFAULT;
    ApiSettings.Waits few =
        new ApiSettings.Waits(
            usual.body(),
            usual.firstRequest(),
            usual.nextRequest(),
            usual.idle(),
            usual.unread(),
            usual.stop(),
            limit,
            usual.requests());
    List<Socket> sockets = new ArrayList<>();
    try (ApiFixture bounded = new ApiFixture(few, Optional.empty())) {
      for (int number = 0; number <= limit; number++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), bounded.port);
        sockets.add(socket);
        socket.setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
        write(socket, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
        assertThat(readHead(socket)).startsWith("HTTP/1.1 200 ");
      }
      assertThat(readAll(sockets.getFirst())).isEqualTo("{\"live\":true}");
      write(sockets.get(1), "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
      assertThat(readHead(sockets.get(1))).contains("HTTP/1.1 200 ");
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), api.port);
    socket.setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
    socket.setTcpNoDelay(true);
    return socket;
  }

  private String head(String method, String path, String headers) {
    return method
        + " "
        + path
        + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + api.token("ann")
        + "\r\n"
        + headers
        + "\r\n";
  }

  private static void write(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Sends the start, and then a byte now and then. Returns whether the server closes the connection
   * within {@link ApiFixture#PATIENCE}.
   */
  private static boolean sendsUntilClosed(Socket socket, String start) throws IOException {
    write(socket, start);
    socket.setSoTimeout(50); // also the pause between two bytes
    long end = System.nanoTime() + ApiFixture.PATIENCE.toNanos();
    while (System.nanoTime() < end) {
      if (isCutAt(socket, "x")) {
        return true;
      }
    }
    return false;
  }

  private static boolean isCutAt(Socket socket, String more) throws IOException {
    try {
      write(socket, more);
      return socket.getInputStream().read() == -1;
    } catch (SocketTimeoutException nothingToReadYet) {
      return false;
    } catch (SocketException e) {
      assertThat(e).hasMessageMatching(CUT);
      return true;
    }
  }

  private static String readAll(Socket socket) throws IOException {
    var all = new java.io.ByteArrayOutputStream();
    byte[] part = new byte[8192];
    try {
      int count = socket.getInputStream().read(part);
      while (count != -1) {
        all.write(part, 0, count);
        count = socket.getInputStream().read(part);
      }
    } catch (SocketException e) {
      // A reset after the answer is an end too. Any other error, such as a timeout, is not.
      assertThat(e).hasMessageMatching(CUT);
    }
    return all.toString(StandardCharsets.UTF_8);
  }

  private static String readHead(Socket socket) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int octet = socket.getInputStream().read();
      if (octet == -1) {
        break;
      }
      head.append((char) octet);
    }
    return head.toString();
  }

  private static String body(String answer) {
    int end = answer.indexOf("\r\n\r\n");
    assertThat(end).as(answer).isPositive();
    return answer.substring(end + 4);
  }
}
