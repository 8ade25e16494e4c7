package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpurunner.agent.container.ContainerException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the search with this process as the engine, as in {@code prepare-start}. */
final class EngineSearchTest {
  private static EngineIdentity identityAt(URI host) {
    return new EngineIdentity(new EngineConnection(host));
  }

  private static String self() throws IOException {
    String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    long pid = ProcessHandle.current().pid();
    return boot + "/" + pid + "/" + EngineProcess.startTicksOf(pid);
  }

  @Test
  void theIdentityIsTheBootAndTheProcessThatListensOnAUnixSocket(@TempDir Path folder)
      throws IOException {
    Path socket = folder.resolve("s");
    EngineIdentity identity = identityAt(URI.create("unix://" + socket));
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      assertThat(identity.now()).isEqualTo(self()).isEqualTo(identity.now());
    }
    assertThatThrownBy(identity::now)
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining(socket.toString());
    Files.delete(socket);
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      assertThat(identity.now()).isEqualTo(self());
    }
  }

  @Test
  void soItIsOnAPort() throws IOException {
    EngineIdentity identity;
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      identity = identityAt(URI.create("tcp://127.0.0.1:" + server.getLocalPort()));
      assertThat(identity.now()).isEqualTo(self()).isEqualTo(identity.now());
    }
    assertThatThrownBy(identity::now).isInstanceOf(ContainerException.class);
  }

  @Test
  void anotherMachinesEngineIsNone() {
    assertThatThrownBy(identityAt(URI.create("tcp://192.0.2.1:2375"))::now)
        .isInstanceOf(ContainerException.class)
        .hasMessageContaining("must be an address of this machine");
  }
}
