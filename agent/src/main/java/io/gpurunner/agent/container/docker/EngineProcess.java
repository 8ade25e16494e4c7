package io.gpurunner.agent.container.docker;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The engine as a process of this machine: the youngest of those that hold the socket it is asked
 * at, since a service manager may hold it, too. Sources: proc_net_unix(5), proc_pid_fd(5),
 * proc_pid_stat(5), proc_uptime(5). Stateless.
 */
final class EngineProcess {
  private static final Path PROC = Path.of("/proc");

  /** Columns of /proc/net/unix. */
  private static final int INODE = 6;

  private static final int PATH = 7;

  /** Of /proc/pid/stat, counted from the one after the name: in ticks since the boot. */
  private static final int START_TIME = 19;

  /** USER_HZ is 100 on every architecture that Docker runs on. */
  private static final long MILLIS_A_TICK = 10;

  private EngineProcess() {}

  /**
   * When it began, by the wall clock; empty where it cannot be told: no unix socket, no process.
   */
  static Optional<Instant> startedAt(URI host) {
    if (!"unix".equals(host.getScheme())) {
      return Optional.empty();
    }
    try {
      Set<String> sockets = socketsAt(Path.of(host.getPath()).toRealPath());
      List<Path> processes;
      try (Stream<Path> all = Files.list(PROC)) {
        processes =
            all.filter(process -> process.getFileName().toString().matches("[0-9]+"))
                .filter(process -> holds(process, sockets))
                .toList();
      }
      Instant now = Instant.now();
      Duration up = uptime();
      return processes.stream()
          .flatMap(process -> sinceBoot(process).stream())
          .max(Comparator.naturalOrder())
          .map(sinceBoot -> now.minus(up.minus(sinceBoot)));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static Set<String> socketsAt(Path socket) throws IOException {
    try (Stream<String> lines = Files.lines(PROC.resolve("net/unix"))) {
      return lines
          .map(line -> line.strip().split(" +", PATH + 1))
          .filter(columns -> columns.length > PATH && isAt(columns[PATH], socket))
          .map(columns -> "socket:[" + columns[INODE] + "]")
          .collect(Collectors.toSet());
    }
  }

  private static boolean isAt(String path, Path socket) {
    try {
      return path.startsWith("/") && Path.of(path).toRealPath().equals(socket);
    } catch (IOException gone) {
      return false;
    }
  }

  private static boolean holds(Path process, Set<String> sockets) {
    try (Stream<Path> files = Files.list(process.resolve("fd"))) {
      return files.anyMatch(file -> sockets.contains(target(file)));
    } catch (IOException ended) {
      return false;
    }
  }

  private static String target(Path file) {
    try {
      return Files.readSymbolicLink(file).toString();
    } catch (IOException closed) {
      return "";
    }
  }

  private static Optional<Duration> sinceBoot(Path process) {
    try {
      String stat = Files.readString(process.resolve("stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", START_TIME + 2);
      return Optional.of(Duration.ofMillis(Long.parseLong(fields[START_TIME]) * MILLIS_A_TICK));
    } catch (IOException ended) {
      return Optional.empty();
    }
  }

  private static Duration uptime() throws IOException {
    String seconds = Files.readString(PROC.resolve("uptime")).split(" ", 2)[0];
    return Duration.ofMillis(Math.round(Double.parseDouble(seconds) * 1_000));
  }
}
