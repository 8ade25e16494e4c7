package io.gpurunner.agent.os;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;

import com.sun.jna.LastErrorException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sends to a receiver that is another process, in another language. */
@Timeout(60)
final class ServiceNotifierTest {
  private static final String RECEIVER =
      """
      import socket, sys
      address = sys.argv[1]
      receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      receiver.bind("\\0" + address[1:] if address[0] == "@" else address)
      print("bound", flush=True)
      sys.stdin.readline()
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
    Process receiver = receiver(address);
    try (BufferedReader received = receiver.inputReader(StandardCharsets.UTF_8)) {
      assertThat(received.readLine()).isEqualTo("bound");
      receiver.outputWriter().write("read\n");
      receiver.outputWriter().flush();
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

  /** More datagrams than any queue takes: Linux queues 10 to 512 (net.unix.max_dgram_qlen). */
  private static final int FULL = 4_096;

  @Test
  void waitsForRoomInAQueueThatIsFull() throws IOException {
    String address = directory.resolve("notify").toString();
    Process receiver = receiver(address);
    try (BufferedReader received = receiver.inputReader(StandardCharsets.UTF_8)) {
      assertThat(received.readLine()).isEqualTo("bound");
      fill(address);
      ServiceNotifier impatient = notifier(address, Duration.ofMillis(50));
      impatient.ready(); // its message is lost: nobody reads within its limit
      CompletableFuture<Void> told =
          CompletableFuture.runAsync(notifier(address, Duration.ofSeconds(50))::ready);
      assertThat(told).isNotDone();

      receiver.outputWriter().write("read\n");
      receiver.outputWriter().flush();
      List<String> messages = new ArrayList<>();
      do {
        messages.add(String.valueOf(received.readLine()));
      } while (!messages.getLast().equals("'READY=1'"));
      assertThat(messages.subList(0, messages.size() - 1)).containsOnly("'x'");
      assertThat(told).succeedsWithin(Duration.ofSeconds(20));
    } finally {
      receiver.destroy();
    }
  }

  private static void fill(String address) {
    int sent = 0;
    try {
      while (sent < FULL) {
        UnixDatagram.send(address, "x".getBytes(StandardCharsets.UTF_8), Duration.ZERO);
        sent++;
      }
    } catch (LastErrorException full) {
      assertThat(full.getErrorCode()).as("EAGAIN").isEqualTo(11);
    }
    assertThat(sent).isBetween(1, FULL - 1);
  }

  @Test
  void aStartAsksForMoreTimeUntilItIsOver() throws IOException {
    String address = directory.resolve("notify").toString();
    Process receiver = receiver(address);
    try (BufferedReader received = receiver.inputReader(StandardCharsets.UTF_8)) {
      assertThat(received.readLine()).isEqualTo("bound");
      receiver.outputWriter().write("read\n");
      receiver.outputWriter().flush();
      ServiceNotifier notifier = notifier(address, Duration.ofSeconds(50));
      try (ServiceNotifier.Start _ = notifier.starting()) {
        for (int message = 0; message < 3; message++) {
          assertThat(received.readLine()).isEqualTo("'EXTEND_TIMEOUT_USEC=120000000'");
        }
      }
      notifier.ready();
      notifier.stopping();
      List<String> rest = new ArrayList<>();
      do {
        rest.add(String.valueOf(received.readLine()));
      } while (!rest.getLast().equals("'STOPPING=1'"));
      rest.removeIf("'EXTEND_TIMEOUT_USEC=120000000'"::equals);
      assertThat(rest).containsExactly("'READY=1'", "'STOPPING=1'");
    } finally {
      receiver.destroy();
    }
  }

  @Test
  void aStartThatNeverEndsAsksForMoreTimeNoMore() throws IOException {
    String address = directory.resolve("notify").toString();
    Process receiver = receiver(address);
    try (BufferedReader received = receiver.inputReader(StandardCharsets.UTF_8)) {
      assertThat(received.readLine()).isEqualTo("bound");
      receiver.outputWriter().write("read\n");
      receiver.outputWriter().flush();
      ServiceNotifier notifier =
          new ServiceNotifier(
              Optional.of(address), Duration.ofSeconds(50), Duration.ofMillis(10), Duration.ZERO);
      ServiceNotifier.Start start = notifier.starting();
      assertThat(received.readLine()).isEqualTo("'EXTEND_TIMEOUT_USEC=120000000'");
      Awaitility.await("its thread to end")
          .atMost(Duration.ofSeconds(20))
          .until(
              () -> Thread.getAllStackTraces().keySet().stream(),
              threads -> threads.noneMatch(thread -> thread.getName().equals("start")));
      start.close();
      notifier.status("next");
      assertThat(received.readLine()).isEqualTo("'STATUS=next'");
    } finally {
      receiver.destroy();
    }
  }

  private static ServiceNotifier notifier(String address, Duration readyLimit) {
    return new ServiceNotifier(
        Optional.of(address), readyLimit, Duration.ofMillis(10), Duration.ofSeconds(50));
  }

  private static Process receiver(String address) throws IOException {
    return new ProcessBuilder("python3", "-c", RECEIVER, address)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
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
