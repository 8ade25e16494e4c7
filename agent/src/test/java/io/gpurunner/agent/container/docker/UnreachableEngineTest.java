package io.gpurunner.agent.container.docker;

import static io.gpurunner.agent.container.ContainerRef.unrecorded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.api.JobId;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.function.UnaryOperator;
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
