package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerProcess;
import io.gpurunner.agent.container.ContainerProcess.Role;
import io.gpurunner.agent.container.ProcessKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;

/**
 * Reads the processes below a container's first process from /proc. Every process of a container
 * descends from it; a process that {@code docker exec} starts does not, and belongs to the person
 * who started it. Sources: proc_pid_status(5), proc_tid_children(5), proc_pid_exe(5). Stateless.
 */
final class ProcessTree {
  /** The largest number of processes that are read. A container has at most as many. */
  static final int LIMIT = Math.toIntExact(HostSettings.PIDS_LIMIT);

  private static final Path PROC = Path.of("/proc");
  private static final int HEXADECIMAL = 16;

  /** The programs that run traps, by the names of their files. */
  private static final Set<String> SHELLS =
      Set.of("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh", "ksh93", "mksh");

  /** The programs that start ranks: Open MPI, PRRTE, MPICH and what descends from it. */
  private static final Set<String> MPI_LAUNCHERS =
      Set.of("mpirun", "mpiexec", "orterun", "prterun", "prte", "mpiexec.hydra", "hydra_pmi_proxy");

  private ProcessTree() {}

  /**
   * Returns the process and all below it, parents before their children. A process that ends
   * meanwhile may be missing.
   *
   * @throws IOException if this kernel does not tell the children of a process
   */
  static List<ContainerProcess> below(ProcessKey init) throws IOException {
    List<ContainerProcess> found = new ArrayList<>();
    Queue<Long> open = new ArrayDeque<>(List.of(init.pid()));
    while (!open.isEmpty() && found.size() < LIMIT) {
      long pid = open.remove();
      Optional<ContainerProcess> process = read(pid);
      if (found.isEmpty() && process.filter(first -> first.key().equals(init)).isEmpty()) {
        return List.of(); // the container has ended
      }
      process.ifPresent(found::add);
      open.addAll(childrenOf(pid));
    }
    return found;
  }

  /**
   * Returns the key of a process.
   *
   * @return empty if there is no such process
   */
  static Optional<ProcessKey> key(long pid) {
    try {
      return Optional.of(new ProcessKey(pid, EngineProcess.startTicksOf(pid)));
    } catch (IOException ended) {
      return Optional.empty();
    }
  }

  private static Path folder(long pid) {
    return PROC.resolve(Long.toString(pid));
  }

  private static Optional<ContainerProcess> read(long pid) {
    try {
      // The name is the job's own text, in any encoding.
      Map<String, String> status = new HashMap<>();
      new String(Files.readAllBytes(folder(pid).resolve("status")), StandardCharsets.UTF_8)
          .lines()
          .map(line -> line.split(":\\s*", 2))
          .filter(line -> line.length == 2)
          .forEach(line -> status.putIfAbsent(line[0], line[1]));
      String numbers = status.getOrDefault("NSpid", "").strip();
      return Optional.of(
          new ContainerProcess(
              new ProcessKey(pid, EngineProcess.startTicksOf(pid)),
              Long.parseLong(status.getOrDefault("PPid", "0")),
              Long.parseLong(numbers.substring(numbers.lastIndexOf('\t') + 1)),
              printable(status.getOrDefault("Name", "?")),
              role(program(pid)),
              Long.parseUnsignedLong(status.getOrDefault("SigCgt", "0"), HEXADECIMAL),
              Long.parseUnsignedLong(status.getOrDefault("SigIgn", "0"), HEXADECIMAL)));
    } catch (IOException | NumberFormatException ended) {
      return Optional.empty();
    }
  }

  private static Role role(String program) {
    return SHELLS.contains(program)
        ? Role.SHELL
        : MPI_LAUNCHERS.contains(program) ? Role.HASTY_LAUNCHER : Role.PROGRAM;
  }

  /** Returns the name of the file that runs, whatever the process calls itself. */
  private static String program(long pid) {
    try {
      String file = Files.readSymbolicLink(folder(pid).resolve("exe")).toString();
      String name = file.substring(file.lastIndexOf('/') + 1);
      return name.endsWith(" (deleted)") ? name.substring(0, name.indexOf(' ')) : name;
    } catch (IOException ended) {
      return "";
    }
  }

  private static String printable(String name) {
    return name.codePoints()
        .map(point -> isPrintable(point) ? point : '?')
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  private static boolean isPrintable(int point) {
    return switch (Character.getType(point)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** Each thread has its own list of the children that it started. */
  private static List<Long> childrenOf(long pid) throws IOException {
    List<Long> children = new ArrayList<>();
    try (DirectoryStream<Path> threads = Files.newDirectoryStream(folder(pid).resolve("task"))) {
      for (Path thread : threads) {
        for (String child : childrenOf(thread)) {
          children.add(Long.valueOf(child));
        }
      }
    } catch (NoSuchFileException ended) {
      return List.of();
    }
    return children;
  }

  private static List<String> childrenOf(Path thread) throws IOException {
    try {
      String line = Files.readString(thread.resolve("children")).strip();
      return line.isEmpty() ? List.of() : List.of(line.split(" ", -1));
    } catch (NoSuchFileException e) {
      if (Files.exists(thread) && Files.notExists(PROC.resolve("thread-self/children"))) {
        throw new IOException("this kernel does not list the children of a process", e);
      }
      return List.of();
    } catch (IOException ended) { // ESRCH
      return List.of();
    }
  }
}
