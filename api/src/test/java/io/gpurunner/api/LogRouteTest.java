package io.gpurunner.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.vertx.core.json.JsonObject;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests {@code GET /api/userJob/{id}/logs} over real HTTP. */
final class LogRouteTest {
  private static final String PATH = "/api/userJob/" + JobId.random() + "/logs";

  /** A server that closes a connection on which nothing is sent, or taken, for a second. */
  private static final ApiSettings.Waits IMPATIENT =
      new ApiSettings.Waits(
          Duration.ofSeconds(1),
          Duration.ofSeconds(1),
          Duration.ofSeconds(1),
          Duration.ofSeconds(1),
          Duration.ofSeconds(1),
          Duration.ofSeconds(1),
          1000,
          8);

  /** What the kernel holds for a client, so that a test sees soon who reads. */
  private static final int RECEIVE_BYTES = 16 << 10;

  private ApiFixture api;

  @BeforeEach
  void start() {
    api = new ApiFixture(IMPATIENT, Optional.empty());
  }

  @AfterEach
  void stop() {
    api.logs.end();
    api.close();
  }

  /** A client that reads a log line by line. */
  private final class Follower implements AutoCloseable {
    private final Socket socket;
    private final BufferedReader lines;

    Follower(String query, String... headers) throws IOException {
      this(query, "ann", List.of(headers));
    }

    Follower(String query, String user, List<String> headers) throws IOException {
      socket = new Socket();
      socket.setReceiveBufferSize(RECEIVE_BYTES);
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), api.port));
      socket.setSoTimeout(Math.toIntExact(ApiFixture.PATIENCE.toMillis()));
      StringBuilder head = new StringBuilder("GET " + PATH + query + " HTTP/1.0\r\n");
      head.append("Authorization: Bearer ").append(api.token(user)).append("\r\n");
      headers.forEach(header -> head.append(header).append("\r\n"));
      socket.getOutputStream().write(head.append("\r\n").toString().getBytes(UTF_8));
      lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8));
      assertThat(lines.readLine()).contains(" 200 ");
      while (!lines.readLine().isEmpty()) {
        // The head is not of interest.
      }
    }

    String line() throws IOException {
      return lines.readLine();
    }

    /** Returns the lines of the next event. */
    List<String> event() throws IOException {
      List<String> event = new ArrayList<>();
      for (String line = line(); line != null && !line.isEmpty(); line = line()) {
        event.add(line);
      }
      return event;
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @Test
  void theTextIsWhatWasPrinted() throws Exception {
    api.logs.print("loss 0.5");
    api.logs.print(new byte[] {'\r', (byte) 0xff, 0}, "stderr", true);
    HttpResponse<byte[]> answer = api.fetch(api.as("ann", PATH));
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body())
        .isEqualTo(new byte[] {'l', 'o', 's', 's', ' ', '0', '.', '5', '\n', '\r', (byte) 0xff, 0});
    assertThat(answer.headers().map())
        .containsEntry("content-type", List.of("text/plain; charset=utf-8"))
        .containsEntry("x-content-type-options", List.of("nosniff"))
        .containsEntry("cache-control", List.of("no-store"))
        .containsEntry("x-accel-buffering", List.of("no"));
  }

  @Test
  void whatTheAgentSaysStandsOnLinesOfItsOwn() throws Exception {
    api.logs.add(new Logs.Piece.Note("queued, place 3"));
    api.logs.print("half a line".getBytes(UTF_8), "stdout", true);
    api.logs.add(new Logs.Piece.Gap(1, 2, "some output is missing"));
    api.logs.print("b");
    api.logs.end();
    String text =
        "[gpurunner: queued, place 3]\nhalf a line\n[gpurunner: some output is missing]\nb\n";
    assertThat(api.get(PATH).body()).isEqualTo(text);
    assertThat(api.get(PATH + "?follow=1").body())
        .isEqualTo(text + "[gpurunner: the job has ended: FAILED, exit code 1]\n");
  }

  @Test
  void aLineIsSentSoonAfterItIsPrintedAlsoAfterALongSilence() throws Exception {
    try (Follower follower = new Follower("?follow=1")) {
      api.logs.print("1");
      assertThat(follower.line()).isEqualTo("1");
      await().pollDelay(IMPATIENT.idle().multipliedBy(2)).until(() -> true);
      api.logs.print("2");
      assertThat(follower.line()).isEqualTo("2");
      api.logs.end();
      assertThat(follower.line()).startsWith("[gpurunner: the job has ended");
      assertThat(follower.line()).isNull();
    }
  }

  @Test
  void eventsHaveTheirPlaceAndAreResumedAfterIt() throws Exception {
    api.logs.print("a\"b");
    api.logs.print("half".getBytes(UTF_8), "stderr", true);
    api.logs.add(new Logs.Piece.Gap(1, 2, "missing"));
    api.logs.add(new Logs.Piece.Note("run 2 begins"));
    api.logs.end();
    String accept = "Accept: text/event-stream";
    try (Follower follower = new Follower("?follow=1", accept)) {
      assertThat(follower.event())
          .containsExactly(
              "id: 1:0",
              "event: log",
              "data: "
                  + new JsonObject()
                      .put("attempt", 1)
                      .put("seq", 0)
                      .put("time", ApiFixture.NOW.toString())
                      .put("stream", "stdout")
                      .put("text", "a\"b")
                      .encode());
      assertThat(follower.event().getLast()).contains("\"stderr\"", "\"partial\":true");
      assertThat(follower.event())
          .containsExactly(
              "id: 1:2", "event: gap", "data: {\"attempt\":1,\"seq\":2,\"text\":\"missing\"}");
      assertThat(follower.event())
          .containsExactly("event: note", "data: {\"text\":\"run 2 begins\"}");
      assertThat(follower.event())
          .containsExactly("event: end", "data: {\"state\":\"FAILED\",\"reason\":\"exit code 1\"}");
      assertThat(follower.line()).isNull();
    }
    try (Follower follower = new Follower("?follow=1", accept, "Last-Event-ID: 1:1")) {
      assertThat(follower.event().getFirst()).isEqualTo("id: 1:2");
    }
  }

  @Test
  void anEventLosesNoByte() throws Exception {
    byte[] all = new byte[256];
    for (int value = 0; value < all.length; value++) {
      all[value] = (byte) value;
    }
    byte[] character = "用".getBytes(UTF_8);
    List<byte[]> pieces =
        List.of(
            Arrays.copyOf(character, 2),
            Arrays.copyOfRange(character, 2, 3),
            "训练".getBytes(Charset.forName("GBK")),
            all);
    for (byte[] piece : pieces) {
      api.logs.print(piece, "stdout", true);
    }
    api.logs.print(new byte[] {(byte) 0xff, '\n'}, "stdout", false);
    api.logs.print("用 \ufffd \u0000");
    api.logs.end();

    try (Follower follower = new Follower("?follow=1", "Accept: text/event-stream")) {
      for (byte[] piece : pieces) {
        JsonObject data = data(follower);
        assertThat(Base64.getDecoder().decode(data.getString("bytes"))).isEqualTo(piece);
        assertThat(data.getString("text")).isEqualTo(new String(piece, UTF_8));
      }
      assertThat(data(follower).getString("bytes")).as("without the newline").isEqualTo("/w==");
      assertThat(data(follower).fieldNames())
          .as("text that is whole")
          .containsExactly("attempt", "seq", "time", "stream", "text");
    }
  }

  private static JsonObject data(Follower follower) throws IOException {
    return new JsonObject(follower.event().getLast().substring("data: ".length()));
  }

  @Test
  void allParametersAreRead() throws Exception {
    api.get(
        PATH
            + "?follow=false&tail=10&since=10m&attempt=2&stream=stderr&grep=loss%20&from=7&lines=3");
    assertThat(api.logs.asked)
        .contains(
            new LogQuery(
                false,
                OptionalInt.of(10),
                Optional.of(ApiFixture.NOW.minus(Duration.ofMinutes(10))),
                OptionalInt.of(2),
                Optional.of(true),
                Optional.of("loss "),
                OptionalLong.of(7),
                OptionalInt.of(3),
                Optional.empty()));
    api.get(PATH + "?since=2026-01-31T12:00:00%2B01:00&follow=0");
    assertThat(api.logs.asked.orElseThrow().since())
        .contains(Instant.parse("2026-01-31T11:00:00Z"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "follow=yes|follow: must be 1 or 0, was \"yes\"",
        "tail=-1|tail: must be a whole number from 0 to 10000000, was \"-1\"",
        "lines=0|lines: must be a whole number from 1 to 10000000, was \"0\"",
        "attempt=x|attempt: must be a whole number from 1 to 1000000, was \"x\"",
        "stream=both|stream: must be stdout or stderr, was \"both\"",
        "from=1.5|from: must be the number of a piece, was \"1.5\"",
        "since=soon|since: must be a time such as 2026-01-31T12:00:00Z, or how long ago: 30s, 10m,"
            + " 2h, 1d, was \"soon\"",
        "tail=1&tail=2|tail: must be sent once",
        "tail=x&since=y|tail: must be a whole number",
        "tail=x&since=y|since: must be a time",
      })
  void aWrongParameterIsNamed(String query, String message) throws Exception {
    HttpResponse<String> answer = api.get(PATH + "?" + query);
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(new JsonObject(answer.body()).getString("message")).contains(message);
  }

  @Test
  void anotherUsersLogAndNoTokenAreRefused() throws Exception {
    assertThat(api.send(api.as("bob", PATH)).statusCode()).isEqualTo(404);
    assertThat(api.send(api.request(PATH)).statusCode()).isEqualTo(401);
    assertThat(api.get("/api/userJob/nonsense/logs").statusCode()).isEqualTo(404);
  }

  @Test
  void aLogThatCannotBeReadEndsTheConnection() throws Exception {
    try (Follower follower = new Follower("?follow=1")) {
      api.logs.print("1");
      assertThat(follower.line()).isEqualTo("1");
      api.logs.failure = Optional.of(new IllegalStateException("the disk is gone"));
      api.logs.print("2");
      assertThat(follower.line()).isNull();
    }
  }

  @Test
  void aUserReadsSoManyLogsAtATimeAndAClosedOneCountsNoMore() throws Exception {
    List<Follower> followers = new ArrayList<>();
    try {
      for (int number = 0; number < LogRoute.MOST_STREAMS_OF_A_USER; number++) {
        followers.add(new Follower("?follow=1"));
      }
      HttpResponse<String> refused = api.get(PATH);
      assertThat(refused.statusCode()).isEqualTo(429);
      assertThat(refused.body()).contains("ann already reads 50 logs");
      followers.removeLast().close();
      await().until(() -> api.get(PATH).statusCode() == 200);
      api.logs.print("to all");
      for (Follower follower : followers) {
        assertThat(follower.line()).isEqualTo("to all");
      }
    } finally {
      for (Follower follower : followers) {
        follower.close();
      }
    }
  }

  @Test
  void whoFollowsALogIsCountedUntilItsConnectionEnds() throws Exception {
    assertThat(api.logFollowers()).isZero();
    try (Follower first = new Follower("?follow=1");
        Follower second = new Follower("?follow=1")) {
      api.logs.print("to all");
      assertThat(first.line()).isEqualTo("to all");
      assertThat(second.line()).isEqualTo("to all");
      assertThat(api.logFollowers()).isEqualTo(2);
      assertThat(api.get(PATH).statusCode()).isEqualTo(200);
      assertThat(api.logFollowers()).isEqualTo(2);
    }
    await().until(() -> api.logFollowers() == 0);
  }

  @Test
  void soManyLogsAreReadAtATime() throws Exception {
    List<Follower> followers = new ArrayList<>();
    try {
      for (int number = 0; number < LogRoute.MOST_STREAMS; number++) {
        followers.add(
            new Follower(
                "?follow=1", "ann-" + number / LogRoute.MOST_STREAMS_OF_A_USER, List.of()));
      }
      HttpResponse<String> refused = api.get(PATH);
      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.body()).contains("500 logs are read already");
    } finally {
      for (Follower follower : followers) {
        follower.close();
      }
    }
  }

  /** A slow client gets all, and nothing is read ahead for it. */
  @Test
  void aClientThatTakesNothingForAWhileLosesNothing() throws Exception {
    String line = "x".repeat(10_000);
    for (int number = 0; number < 3000; number++) {
      api.logs.print(line);
    }
    api.logs.end();
    try (Follower slow = new Follower("?follow=1");
        Follower fast = new Follower("?follow=1&lines=1")) {
      for (int number = 0; number < 3000; number++) {
        assertThat(fast.line()).isEqualTo(line);
      }
      for (int number = 0; number < 3000; number++) {
        assertThat(slow.line()).isEqualTo(line);
      }
    }
  }

  /** It takes all that is read for it in several times the limit, and some of it in each. */
  @Test
  void aClientThatReadsSlowlyIsNotCut() throws Exception {
    String line = "x".repeat(9_999);
    int count = 100;
    for (int number = 0; number < count; number++) {
      api.logs.print(line);
    }
    api.logs.end();
    Duration pause = IMPATIENT.unread().dividedBy(20);
    try (Follower slow = new Follower("?follow=1")) {
      for (int number = 0; number < count; number++) {
        await().pollDelay(pause).until(() -> true);
        assertThat(slow.line()).isEqualTo(line);
      }
      assertThat(slow.line()).startsWith("[gpurunner: the job has ended");
    }
  }

  @Test
  void aClientThatTakesNothingForTooLongIsCut() throws Exception {
    String line = "x".repeat(9_999);
    for (int number = 0; number < 1000; number++) {
      api.logs.print(line);
    }
    api.logs.end();
    try (Follower stuck = new Follower("?follow=1")) {
      await().pollDelay(IMPATIENT.unread().multipliedBy(2)).until(() -> true);
      assertThatThrownBy(
              () -> {
                for (String read = stuck.line(); read != null; read = stuck.line()) {
                  assertThat(read).doesNotStartWith("[gpurunner: the job has ended");
                }
                throw new EOFException("the server closed the connection");
              })
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void aHeadHasNoBody() throws Exception {
    api.logs.print("1");
    HttpResponse<String> answer =
        api.send(
            api.as("ann", PATH).method("HEAD", java.net.http.HttpRequest.BodyPublishers.noBody()));
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).isEmpty();
  }
}
