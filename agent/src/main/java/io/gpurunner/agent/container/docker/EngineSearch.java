package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.storage.FileFault;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the engine's process: the youngest {@code dockerd} that listens at the address. A service
 * manager may hold the same socket and is not the engine. Sources: proc_pid_comm(5),
 * proc_pid_net(5) for /proc/pid/net/unix and /proc/pid/net/tcp. Stateless.
 */
final class EngineSearch {
  private static final Path PROC = Path.of("/proc");
  private static final Path SELF = PROC.resolve("self");

  /** The process name of Docker's engine, in all its packages. */
  private static final String ENGINE = "dockerd";

  /** The columns of /proc/net/unix. */
  private static final int UNIX_FLAGS = 3;

  private static final int UNIX_INODE = 6;
  private static final int UNIX_PATH = 7;

  /** The flag of a socket that listens: __SO_ACCEPTCON. */
  private static final String UNIX_LISTENS = "00010000";

  /** The columns of /proc/net/tcp and tcp6. */
  private static final int TCP_LOCAL = 1;

  private static final int TCP_STATE = 3;
  private static final int TCP_INODE = 9;

  /** The state of a socket that listens: TCP_LISTEN of the kernel's tcp_states.h. */
  private static final String TCP_LISTENS = "0A";

  private final URI host;

  EngineSearch(URI host) {
    this.host = host;
  }

  /** Returns the socket's path on disk. It is empty for TCP. */
  Optional<Path> path() {
    return "unix".equals(host.getScheme())
        ? Optional.of(Path.of(host.getPath()))
        : Optional.empty();
  }

  /**
   * Looks through the processes of this machine.
   *
   * @throws ContainerException UNREACHABLE saying what is in the way
   */
  EngineProcess find() {
    try {
      requireLocal();
      List<Path> engines = engines();
      if (engines.isEmpty()) {
        throw unknown("no process named " + ENGINE + " runs on this machine");
      }
      List<EngineProcess> found = new ArrayList<>();
      List<Path> closed = new ArrayList<>();
      for (Path process : engines) {
        try {
          listening(process).ifPresent(found::add);
        } catch (AccessDeniedException e) {
          closed.add(process.getFileName());
        } catch (IOException ended) {
          // A process that cannot be read is not the engine.
        }
      }
      return found.stream()
          .max(Comparator.comparingLong(EngineProcess::startTicks))
          .orElseThrow(() -> unknown(whyNone(closed)));
    } catch (IOException e) {
      throw unknown(FileFault.words(e));
    }
  }

  private static String whyNone(List<Path> closed) {
    return closed.isEmpty()
        ? "no process named "
            + ENGINE
            + " listens there; docker.host must be the engine's own address on this machine, not a"
            + " proxy's"
        : "the agent may not see which sockets the process "
            + closed.stream().map(Path::toString).collect(Collectors.joining(", "))
            + " ("
            + ENGINE
            + ") has open; it needs CAP_SYS_PTRACE";
  }

  private ContainerException unknown(String why) {
    return new ContainerException(
        Kind.UNREACHABLE,
        "the process of the container engine at "
            + host
            + " cannot be found, and without it nobody would know after a restart of the engine"
            + " whether a container ran: "
            + why);
  }

  /** Checks that the address is local. Directories of this machine are mounted into containers. */
  private void requireLocal() throws IOException {
    if (path().isPresent()) {
      return;
    }
    InetAddress address = InetAddress.getByName(host.getHost());
    if (!address.isLoopbackAddress() && NetworkInterface.getByInetAddress(address) == null) {
      throw unknown("docker.host must be an address of this machine");
    }
  }

  /**
   * Returns the processes that may be the engine. This process is one of them, because {@code
   * prepare-start} and tests play an engine.
   */
  private static List<Path> engines() throws IOException {
    String self = Long.toString(ProcessHandle.current().pid());
    try (Stream<Path> all = Files.list(PROC)) {
      return all.filter(process -> process.getFileName().toString().matches("[0-9]+"))
          .filter(
              process -> process.getFileName().toString().equals(self) || isNamedEngine(process))
          .toList();
    }
  }

  private static boolean isNamedEngine(Path process) {
    try {
      return Files.readString(process.resolve("comm")).strip().equals(ENGINE);
    } catch (IOException ended) {
      return false;
    }
  }

  /** Returns the process if one of the sockets at the address is open in it. */
  private Optional<EngineProcess> listening(Path process) throws IOException {
    Set<Path> sockets =
        path().isPresent() ? unixSockets(process, path().get()) : tcpSockets(process);
    if (sockets.isEmpty()) {
      return Optional.empty();
    }
    long pid = Long.parseLong(process.getFileName().toString());
    long startTicks = EngineProcess.startTicksOf(pid);
    Optional<Object> address = EngineProcess.addressAt(path());
    try (Stream<Path> files = Files.list(process.resolve("fd"))) {
      return files
          .filter(file -> sockets.contains(target(file)))
          .findFirst()
          .map(file -> new EngineProcess(pid, startTicks, file, target(file), address));
    }
  }

  private static Path target(Path file) {
    try {
      return Files.readSymbolicLink(file);
    } catch (IOException closed) {
      return file;
    }
  }

  /**
   * Returns the sockets that listen at the path, in the network namespace of the process, which may
   * differ from the agent's.
   */
  private static Set<Path> unixSockets(Path process, Path path) throws IOException {
    Path socket = path.toRealPath();
    try (Stream<String> lines = Files.lines(process.resolve("net/unix"))) {
      return lines
          .map(line -> line.strip().split(" +", UNIX_PATH + 1))
          .filter(columns -> columns.length > UNIX_PATH)
          .filter(columns -> columns[UNIX_FLAGS].equals(UNIX_LISTENS))
          .filter(columns -> isAt(columns[UNIX_PATH], socket))
          .map(columns -> socketOf(columns[UNIX_INODE]))
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

  /**
   * Returns the sockets that listen on the port. There are none if the process has another network
   * namespace than the agent, because the agent cannot reach a port there.
   */
  private Set<Path> tcpSockets(Path process) throws IOException {
    Set<Path> sockets = Set.of();
    if (networkOf(process).equals(networkOf(SELF))) {
      sockets =
          Stream.concat(lines(process.resolve("net/tcp")), lines(process.resolve("net/tcp6")))
              .map(line -> line.strip().split(" +", TCP_INODE + 2))
              .filter(columns -> columns.length > TCP_INODE)
              .filter(columns -> columns[TCP_STATE].equals(TCP_LISTENS))
              .filter(columns -> columns[TCP_LOCAL].endsWith(portInHex()))
              .map(columns -> socketOf(columns[TCP_INODE]))
              .collect(Collectors.toSet());
    }
    return sockets;
  }

  private static Path networkOf(Path process) throws IOException {
    return Files.readSymbolicLink(process.resolve("ns/net"));
  }

  /** Returns the lines of a file in /proc. The file for IPv6 may be absent. */
  private static Stream<String> lines(Path file) throws IOException {
    return Files.exists(file) ? Files.readAllLines(file).stream() : Stream.empty();
  }

  private String portInHex() {
    return String.format(Locale.ROOT, ":%04X", host.getPort());
  }

  private static Path socketOf(String inode) {
    return Path.of("socket:[" + inode + "]");
  }
}
