package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Mounts file systems where the whole machine sees them, above all Docker. A hardened unit gives
 * the agent a mount namespace of its own, and what is mounted there is not seen outside. So mount
 * and umount run in the namespace of the machine's first process, from which mounts also reach the
 * agent (systemd.exec, "MountFlags="; mount_namespaces(7), "slave").
 */
final class MachineMounts {
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /** The field of mountinfo with the mount point, see proc_pid_mountinfo(5). */
  private static final int MOUNT_POINT = 4;

  private final Path process;

  MachineMounts() {
    this(Path.of("/proc/1"));
  }

  /**
   * @param process the process whose namespace is the machine's, as a directory of /proc
   */
  MachineMounts(Path process) {
    this.process = process;
  }

  void mount(String options, Path image, Path directory) {
    Command.require(
        LIMIT,
        there(
            List.of("mount", "-t", "ext4", "-o", options, image.toString(), directory.toString())));
  }

  void unmount(Path directory) {
    Command.Result result = Command.run(LIMIT, there(List.of("umount", directory.toString())));
    if (!result.succeeded()) {
      throw new StorageException(
          Kind.UNAVAILABLE,
          "cannot unmount %s: %s; end what uses it".formatted(directory, result.words()));
    }
  }

  /** Returns whether something is mounted on the directory for the whole machine. */
  boolean isMounted(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return false;
    }
    String point = escaped(directory.toRealPath());
    try (Stream<String> lines = Files.lines(mountinfo())) {
      return lines.anyMatch(line -> line.split(" ", MOUNT_POINT + 2)[MOUNT_POINT].equals(point));
    }
  }

  /**
   * Returns the directories below this one on which something is mounted for the whole machine. If
   * several are mounted on one another, the directory is there as often.
   */
  List<Path> mountedBelow(Path directory) throws IOException {
    String beginning = escaped(directory.toRealPath()) + "/";
    try (Stream<String> lines = Files.lines(mountinfo())) {
      return lines
          .map(line -> line.split(" ", MOUNT_POINT + 2)[MOUNT_POINT])
          .filter(point -> point.startsWith(beginning))
          // The names of jobs and volumes hold nothing that mountinfo would escape.
          .map(point -> directory.resolve(point.substring(beginning.length())))
          .toList();
    }
  }

  private Path mountinfo() {
    Path machine = process.resolve("mountinfo");
    return Files.isReadable(machine) ? machine : Path.of("/proc/self/mountinfo");
  }

  /** Returns the path as mountinfo writes it: blanks, tabs, line feeds and backslashes in octal. */
  private static String escaped(Path path) {
    return path.toString()
        .replace("\\", "\\134")
        .replace(" ", "\\040")
        .replace("\t", "\\011")
        .replace("\n", "\\012");
  }

  private List<String> there(List<String> words) {
    Path namespace = process.resolve("ns/mnt");
    if (isOwn(namespace)) {
      return words;
    }
    List<String> entered = new ArrayList<>(List.of("nsenter", "--mount=" + namespace, "--"));
    entered.addAll(words);
    return entered;
  }

  private static boolean isOwn(Path namespace) {
    try {
      return Files.readSymbolicLink(namespace)
          .equals(Files.readSymbolicLink(Path.of("/proc/self/ns/mnt")));
    } catch (IOException hidden) {
      // An account that may not read this link may not enter the namespace either. The mountinfo of
      // the machine's first process, which everybody may read, shows later where the mount went.
      return true;
    }
  }
}
