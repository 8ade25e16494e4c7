package io.gpurunner.agent.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Against a receiver in another process and another language. */
@Timeout(60)
final class ServiceNotifierTest {
  private static final String RECEIVER =
      """
      import socket, sys
      address = sys.argv[1]
      receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      receiver.bind("\\0" + address[1:] if address[0] == "@" else address)
      print("bound", flush=True)
      while True:
          print(repr(receiver.recv(4096).decode()), flush=True)
      """;

  @TempDir private Path directory;

  @Test
  void tellsASocketWithAPath() throws IOException {
    tells(directory.resolve("notify").toString());
  }

  @Test
  void tellsAnAbstractSocket() throws IOException {
    tells("@gpurunner/test/" + UUID.randomUUID());
  }

  private static void tells(String address) throws IOException {
    Process receiver =
        new ProcessBuilder("python3", "-c", RECEIVER, address)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader received = receiver.inputReader(StandardCharsets.UTF_8)) {
      assertThat(received.readLine()).isEqualTo("bound");
      ServiceNotifier notifier = new ServiceNotifier(Optional.of(address));
      notifier.ready();
      assertThat(received.readLine()).isEqualTo("'READY=1'");
      notifier.status("3 jobs\nREADY=1 läuft");
      assertThat(received.readLine()).isEqualTo("'STATUS=3 jobs READY=1 läuft'");
      notifier.status("x".repeat(10_000));
      assertThat(received.readLine()).hasSize("'STATUS='".length() + 512);
      notifier.stopping();
      assertThat(received.readLine()).isEqualTo("'STOPPING=1'");
    } finally {
      receiver.destroy();
    }
  }

  @Test
  void nobodyListening() {
    assertThatNoException()
        .isThrownBy(
            () -> {
              new ServiceNotifier(Optional.empty()).ready();
              new ServiceNotifier(Optional.of("")).ready();
              new ServiceNotifier(Optional.of("vsock:2:1234")).ready();
              new ServiceNotifier(Optional.of(directory.resolve("absent").toString())).ready();
              new ServiceNotifier(Optional.of("@absent" + UUID.randomUUID())).stopping();
              new ServiceNotifier(Optional.of("/" + "x".repeat(200))).status("long");
            });
  }
}
