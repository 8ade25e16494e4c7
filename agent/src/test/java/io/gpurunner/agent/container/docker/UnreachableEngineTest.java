package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerOutput.Part;
import io.gpurunner.agent.container.OutputPiece;
import io.gpurunner.agent.container.OutputReading;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests calls to an engine that is absent or does not answer. */
final class UnreachableEngineTest {
  private static void assertUnreachable(URI host) {
    try (DockerEngine engine =
        DockerEngine.open(
            new DockerSettings(host, GpuAccessMode.AUTO, "/state", TestEngine.PULLS),
            UnaryOperator.identity())) {
      assertThatThrownBy(() -> engine.probe().probe())
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE);
                assertThat(e).hasMessageContaining(host.toString());
              });
      assertThatThrownBy(
              () -> engine.containers().inspect(unrecorded(new ContainerName(JobId.random(), 1))))
          .isInstanceOf(ContainerException.class);
    }
  }

  @Test
  void aSocketThatIsNotThere(@TempDir Path folder) {
    assertUnreachable(URI.create("unix://" + folder.resolve("docker.sock")));
  }

  @Test
  void aFileThatIsNoSocket(@TempDir Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("docker.sock"));
    assertUnreachable(URI.create("unix://" + file));
  }

  @Test
  void aPortThatIsClosed() throws IOException {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    assertUnreachable(URI.create("tcp://127.0.0.1:" + port));
  }

  @Test
  void aSilentEngineIsGivenUpInTime(@TempDir Path folder) throws IOException {
    Path socket = folder.resolve("s");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      assertGivenUp(URI.create("unix://" + socket));
    }
  }

  @Test
  void aSilentEngineOnTcpIsGivenUpInTime() throws IOException {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertGivenUp(URI.create("tcp://127.0.0.1:" + server.getLocalPort()));
    }
  }

  private static void assertGivenUp(URI host) {
    try (EngineConnection connection = new EngineConnection(host)) {
      Instant begin = Instant.now();
      assertThatThrownBy(
              () ->
                  connection.call(
                      "asking", Duration.ofSeconds(1), docker -> docker.infoCmd().exec()))
          .isInstanceOfSatisfying(
              ContainerException.class,
              e -> {
                assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE);
                assertThat(e)
                    .hasMessage(
                        "asking: the container engine at " + host + " did not answer within 1 s");
              });
      assertThat(Duration.between(begin, Instant.now())).isLessThan(Duration.ofSeconds(5));
    }
  }

  private static final Duration HEAD_LIMIT = Duration.ofSeconds(1);

  private static OutputReading following(EngineConnection connection) {
    return new DockerOutput(connection, HEAD_LIMIT)
        .read(unrecorded(new ContainerName(JobId.random(), 1)), new Part.All(), true);
  }

  @Test
  void aFollowerWhoseAnswerDoesNotBeginIsGivenUpInTime(@TempDir Path folder) throws IOException {
    try (ServerSocketChannel server = listening(folder);
        EngineConnection connection = connectionTo(folder);
        OutputReading reading = following(connection)) {
      assertThat(server.isOpen()).isTrue();
      assertThatThrownBy(reading::next)
          .isInstanceOf(ContainerException.class)
          .hasMessageEndingWith("did not answer within 1 s");
    }
  }

  @Test
  void aFollowerWhoseAnswerDoesNotBeginEndsWhenItIsClosed(@TempDir Path folder) throws Exception {
    try (ServerSocketChannel server = listening(folder);
        EngineConnection connection = connectionTo(folder)) {
      OutputReading reading =
          new DockerOutput(connection, Duration.ofDays(1))
              .read(unrecorded(new ContainerName(JobId.random(), 1)), new Part.All(), true);
      CompletableFuture<Throwable> end =
          CompletableFuture.supplyAsync(() -> catchThrowable(reading::next));
      try (SocketChannel accepted = server.accept()) {
        request(accepted);
        reading.close();
        assertThat(end.get(10, TimeUnit.SECONDS)).isInstanceOf(ContainerException.class);
      }
    }
  }

  /** The limit of the beginning is no limit of what follows. */
  @Test
  void aFollowerWhoseAnswerHasBegunWaitsForLonger(@TempDir Path folder) throws Exception {
    try (ServerSocketChannel server = listening(folder);
        EngineConnection connection = connectionTo(folder);
        OutputReading reading = following(connection)) {
      CompletableFuture<Optional<OutputPiece>> next = CompletableFuture.supplyAsync(reading::next);
      try (SocketChannel accepted = server.accept()) {
        request(accepted);
        write(accepted, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        Awaitility.await().pollDelay(HEAD_LIMIT.multipliedBy(2)).until(() -> true);
        String piece = "2026-01-01T00:00:00.000000000Z a\n";
        String frame = "\1\0\0\0\0\0\0" + (char) piece.length() + piece;
        write(accepted, Integer.toHexString(frame.length()) + "\r\n" + frame + "\r\n");
        assertThat(next.get(10, TimeUnit.SECONDS).orElseThrow().bytes())
            .isEqualTo("a\n".getBytes(UTF_8));
      }
    }
  }

  private static ServerSocketChannel listening(Path folder) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    return server.bind(UnixDomainSocketAddress.of(folder.resolve("s")));
  }

  private static EngineConnection connectionTo(Path folder) {
    return new EngineConnection(URI.create("unix://" + folder.resolve("s")));
  }

  /** Reads the beginning of a request, so that it was sent. */
  private static void request(SocketChannel accepted) throws IOException {
    assertThat(accepted.read(ByteBuffer.allocate(100))).isPositive();
  }

  private static void write(SocketChannel accepted, String text) throws IOException {
    accepted.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"unix:///", "unix://host/x", "http://127.0.0.1:1", "tcp://127.0.0.1", "/x", "x:y"})
  void anAddressOfAnotherFormIsRefused(String host) {
    assertThatThrownBy(
            () ->
                new DockerSettings(
                    URI.create(host), GpuAccessMode.AUTO, "/state", TestEngine.PULLS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(host)
        .hasMessageContaining("unix:///");
  }
}
