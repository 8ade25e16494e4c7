package io.gpurunner.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Attacks with connections: silent ones of strangers, and many of one user. */
final class SilentConnectionsTest {
  private static final String HEALTH = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";

  private final List<SocketChannel> silent = new ArrayList<>();
  private final List<Socket> sockets = new ArrayList<>();

  @AfterEach
  void closeAll() throws IOException {
    for (SocketChannel channel : silent) {
      channel.close();
    }
    for (Socket socket : sockets) {
      socket.close();
    }
  }

  private void connectSilently(ApiFixture api, int from) throws IOException {
    SocketChannel channel = SocketChannel.open();
    silent.add(channel);
    channel.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0." + from), 0));
    channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), api.port));
  }

  private Socket connect(ApiFixture api) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), api.port);
    sockets.add(socket);
    socket.setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
    return socket;
  }

  /** Sends a request, and returns the first line of the answer; it is empty if there is none. */
  private static String answer(Socket socket, String request) throws IOException {
    StringBuilder line = new StringBuilder();
    try {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      int octet = socket.getInputStream().read();
      while (octet != -1 && octet != '\r') {
        line.append((char) octet);
        octet = socket.getInputStream().read();
      }
    } catch (SocketException closed) {
      assertThat(closed).hasMessageMatching("Connection reset.*|Broken pipe.*");
    }
    return line.toString();
  }

  private static String authenticated(ApiFixture api, String user) {
    return "GET /api/userJob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        + api.token(user)
        + "\r\n\r\n";
  }

  /** The attack of issue 19: so many silent connections shut everybody out for a minute. */
  @Test
  void thousandsOfSilentConnectionsFromManyAddressesKeepNobodyOut() throws Exception {
    try (ApiFixture api = new ApiFixture()) {
      Socket kept = connect(api);
      assertThat(answer(kept, authenticated(api, "ann"))).isEqualTo("HTTP/1.1 200 OK");
      for (int number = 0; number < ApiLimits.MAX_CONNECTIONS + 1000; number++) {
        connectSilently(api, 2 + number % 40);
        if (number % 250 == 0) {
          assertThat(api.get("/api/userJob").statusCode()).isEqualTo(200);
          assertThat(answer(connect(api), HEALTH)).isEqualTo("HTTP/1.1 200 OK");
        }
      }
      assertThat(answer(connect(api), authenticated(api, "bob"))).isEqualTo("HTTP/1.1 200 OK");
      assertThat(answer(connect(api), HEALTH)).isEqualTo("HTTP/1.1 200 OK");
      assertThat(api.post("/api/userJob", GuideBodies.CREATE).statusCode()).isEqualTo(200);
    }
  }

  @Test
  void oneAddressHasOnlyAPartOfTheConnectionsAndItsOldestSilentOneGoes() throws Exception {
    try (ApiFixture api = new ApiFixture(with(1600, Duration.ofMinutes(1)), Optional.empty())) {
      int part = 1600 / 16;
      Socket other = connect(api); // from 127.0.0.1, and silent
      for (int number = 0; number < part + 1; number++) {
        connectSilently(api, 2);
      }
      // The server has closed the first, and what it has of the others is as before.
      assertThat(isClosed(silent.getFirst())).isTrue();
      assertThat(answer(other, HEALTH)).isEqualTo("HTTP/1.1 200 OK");
    }
  }

  private static boolean isClosed(SocketChannel channel) throws IOException {
    channel.socket().setSoTimeout((int) ApiFixture.PATIENCE.toMillis());
    return channel.socket().getInputStream().read() == -1;
  }

  @Test
  void theFirstHeadIsWaitedForLessThanTheNext() throws Exception {
    try (ApiFixture api = new ApiFixture(with(100, Duration.ofMillis(300)), Optional.empty())) {
      Socket used = connect(api);
      assertThat(answer(used, HEALTH)).isEqualTo("HTTP/1.1 200 OK");
      connectSilently(api, 3);
      assertThat(isClosed(silent.getFirst())).isTrue();
      assertThat(answer(used, HEALTH)).as("the wait for its next request goes on").isNotEmpty();
    }
  }

  /** A user's connections that are in use are never closed for others, so they have a limit. */
  @Test
  void aUserWithConnectionsWithoutEndKeepsNoOtherOut() throws Exception {
    try (ApiFixture api = new ApiFixture(with(400, Duration.ofMinutes(1)), Optional.empty())) {
      for (int number = 0; number < 500; number++) {
        assertThat(answer(connect(api), authenticated(api, "flood"))).isEqualTo("HTTP/1.1 200 OK");
      }
      assertThat(answer(sockets.getFirst(), authenticated(api, "flood")))
          .as("the one that was quiet for longest was closed")
          .doesNotContain("HTTP/1.1 200");
      assertThat(answer(sockets.getLast(), authenticated(api, "flood"))).isNotEmpty();
      assertThat(answer(connect(api), authenticated(api, "polite"))).isEqualTo("HTTP/1.1 200 OK");
      assertThat(answer(connect(api), HEALTH)).isEqualTo("HTTP/1.1 200 OK");
    }
  }

  /** Users who together have all places that users may have leave those of strangers. */
  @Test
  void healthIsAnsweredHoweverManyConnectionsUsersHave() throws Exception {
    try (ApiFixture api = new ApiFixture(with(80, Duration.ofMinutes(1)), Optional.empty())) {
      for (int number = 0; number < 100; number++) {
        String user = "user-" + number % 7;
        assertThat(answer(connect(api), authenticated(api, user))).isEqualTo("HTTP/1.1 200 OK");
      }
      for (int number = 0; number < 20; number++) {
        assertThat(answer(connect(api), HEALTH)).isEqualTo("HTTP/1.1 200 OK");
      }
    }
  }

  private static ApiSettings.Waits with(int connections, Duration firstRequest) {
    ApiSettings.Waits usual = ApiSettings.Waits.DEFAULT;
    return new ApiSettings.Waits(
        usual.body(),
        firstRequest,
        usual.nextRequest(),
        usual.idle(),
        usual.unread(),
        usual.stop(),
        connections,
        usual.requests());
  }
}
