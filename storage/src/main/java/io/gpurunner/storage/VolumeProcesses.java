package io.gpurunner.storage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds the processes that see a job's volume through a mount of their own. The kernel is asked,
 * and not the engine: a process belongs to a mount namespace, and the namespace's mounts name the
 * directories of jobs. A job cannot change its mounts. Sources: proc_pid_mountinfo(5),
 * mount_namespaces(7). Thread-safe.
 */
final class VolumeProcesses {
  static final Path PROC = Path.of("/proc");

  /**
   * How long a list of processes is used. A process that began later is seen with the next list.
   */
  private static final Duration LIST_AGE = Duration.ofSeconds(4);

  private static final int NUMBER_FIELD = 0;
  private static final int ROOT_FIELD = 3;
  private static final int FIELDS = 5;

  /** The last names of a volume's path: {@code jobs/<id>/model}. */
  private static final int NAMES = 3;

  private Map<Path, Seeing> newest = Map.of();
  private long listedAtNanos = System.nanoTime() - LIST_AGE.toNanos();

  /**
   * What sees a volume.
   *
   * @param mounts the numbers of the mounts
   * @param processes the numbers of the processes
   */
  record Seeing(Set<Long> mounts, Set<Long> processes) {}

  Seeing seeing(Path volume) {
    Seeing found = list().get(ending(volume));
    return found == null ? new Seeing(Set.of(), Set.of()) : found;
  }

  private static Path ending(Path path) {
    int names = path.getNameCount();
    return names <= NAMES ? path : path.subpath(names - NAMES, names);
  }

  private synchronized Map<Path, Seeing> list() {
    if (System.nanoTime() - listedAtNanos >= LIST_AGE.toNanos()) {
      newest = listNow();
      listedAtNanos = System.nanoTime();
    }
    return newest;
  }

  private static Map<Path, Seeing> listNow() {
    Map<Path, Map<Path, Set<Long>>> namespaces = new HashMap<>();
    Map<Path, Seeing> found = new HashMap<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(PROC, "[1-9]*")) {
      for (Path process : all) {
        Map<Path, Set<Long>> mounts = mountsOf(process, namespaces);
        long number = Long.parseLong(process.getFileName().toString());
        mounts.forEach(
            (ending, numbers) -> {
              Seeing seeing =
                  found.computeIfAbsent(ending, _ -> new Seeing(new HashSet<>(), new HashSet<>()));
              seeing.mounts().addAll(numbers);
              seeing.processes().add(number);
            });
      }
    } catch (IOException | DirectoryIteratorException impossible) {
      throw new StorageException(
          StorageException.Kind.UNAVAILABLE, "cannot list the machine's processes", impossible);
    }
    return found;
  }

  /** Returns the mounts of the directories of jobs in the namespace of a process. */
  private static Map<Path, Set<Long>> mountsOf(
      Path process, Map<Path, Map<Path, Set<Long>>> namespaces) {
    try {
      Path namespace = Files.readSymbolicLink(process.resolve("ns/mnt"));
      Map<Path, Set<Long>> known = namespaces.get(namespace);
      if (known == null) {
        known = mountsIn(process.resolve("mountinfo"));
        namespaces.put(namespace, known);
      }
      return known;
    } catch (IOException | java.io.UncheckedIOException endedOrAnothers) {
      return Map.of();
    }
  }

  private static Map<Path, Set<Long>> mountsIn(Path mountinfo) throws IOException {
    Map<Path, Set<Long>> mounts = new HashMap<>();
    try (Stream<String> lines = Files.lines(mountinfo, StandardCharsets.ISO_8859_1)) {
      lines
          .map(line -> line.split(" ", FIELDS))
          .filter(fields -> fields.length == FIELDS)
          .filter(fields -> Path.of(fields[ROOT_FIELD]).getNameCount() >= NAMES)
          .forEach(
              fields ->
                  mounts
                      .computeIfAbsent(ending(Path.of(fields[ROOT_FIELD])), _ -> new HashSet<>())
                      .add(Long.valueOf(fields[NUMBER_FIELD])));
    }
    return mounts;
  }
}
