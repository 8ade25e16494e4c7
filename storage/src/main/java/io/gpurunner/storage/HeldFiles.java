package io.gpurunner.storage;

import io.gpurunner.storage.HostCalls.CallFailedException;
import io.gpurunner.storage.HostCalls.Facts;
import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import io.gpurunner.storage.TreeMeasure.Used;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Finds files that were deleted from a volume and still take room, because a process has them open
 * or mapped. The processes are those that see the volume through a mount, whatever container they
 * are in. Sources: proc_pid_fd(5), proc_pid_maps(5), proc_pid_map_files(5). Thread-safe.
 *
 * <p>It cannot see a file that no process has open, because its descriptor is on its way through a
 * socket. A process of another user hides its files from an agent that is not root.
 */
final class HeldFiles {
  /** The largest number of open files and mappings of one volume's processes that are looked at. */
  static final int LOOKED_AT_LIMIT = 500_000;

  /** The number of known tables of open files that a thread's own is compared with. */
  private static final int TABLES_COMPARED = 8;

  private static final String DELETED = " (deleted)";
  private static final String MOUNT_NUMBER = "mnt_id:";

  private final VolumeProcesses processes = new VolumeProcesses();

  /**
   * Returns what processes hold of a volume's deleted files.
   *
   * @throws HiddenTreeException if the job has so many files open that they cannot be looked at
   */
  Used heldFrom(Path volume) throws HiddenTreeException {
    VolumeProcesses.Seeing seeing = processes.seeing(volume);
    if (seeing.processes().isEmpty()) {
      return Used.NOTHING;
    }
    try (HostCalls calls = new HostCalls()) {
      Search search = new Search(calls, seeing.mounts());
      for (long process : seeing.processes()) {
        search.process(VolumeProcesses.PROC.resolve(Long.toString(process)));
      }
      return search.found();
    }
  }

  /** One look at all processes of a volume. For one thread. */
  private static final class Search {
    private final HostCalls calls;
    private final Set<Long> mounts;
    private final Set<Map.Entry<Long, Long>> counted = new HashSet<>();
    private long bytes;
    private int lookedAt;

    Search(HostCalls calls, Set<Long> mounts) {
      this.calls = calls;
      this.mounts = mounts;
    }

    Used found() {
      return new Used(bytes, counted.size());
    }

    void process(Path process) throws HiddenTreeException {
      List<Long> tables = new ArrayList<>();
      // A thread may have a table of open files of its own, above all if the first one has ended.
      for (Path thread : entries(process.resolve("task"))) {
        long number = Long.parseLong(thread.getFileName().toString());
        boolean isKnown =
            tables.reversed().stream()
                .limit(TABLES_COMPARED)
                .anyMatch(other -> calls.shareFiles(other, number));
        if (!isKnown) {
          tables.add(number);
          openFiles(thread);
        }
      }
      mappings(process);
    }

    private void openFiles(Path thread) throws HiddenTreeException {
      for (Path file : entries(thread.resolve("fd"))) {
        look(file, thread.resolve("fdinfo").resolve(file.getFileName()));
      }
    }

    private void mappings(Path process) throws HiddenTreeException {
      List<String> ranges;
      try (Stream<String> lines =
          Files.lines(process.resolve("maps"), StandardCharsets.ISO_8859_1)) {
        ranges =
            lines
                .filter(line -> line.endsWith(DELETED))
                .map(line -> line.substring(0, line.indexOf(' ')))
                .limit(LOOKED_AT_LIMIT)
                .toList();
      } catch (IOException | java.io.UncheckedIOException ended) {
        return;
      }
      for (String range : ranges) {
        // Without its descriptor nobody says through which mount an old kernel found it.
        look(process.resolve("map_files").resolve(range), process.resolve("no-fdinfo"));
      }
    }

    private void look(Path file, Path descriptor) throws HiddenTreeException {
      if (++lookedAt > LOOKED_AT_LIMIT) {
        throw new HiddenTreeException(
            "the job has more than %d files open or mapped, the most that are looked at"
                .formatted(LOOKED_AT_LIMIT),
            found());
      }
      Facts facts;
      try {
        facts = calls.describe(file.toString());
      } catch (CallFailedException closed) {
        return;
      }
      if (facts.kind() == HostCalls.Kind.FILE
          && facts.links() == 0
          && isThroughVolume(facts, descriptor)
          && counted.add(Map.entry(facts.device(), facts.inode()))) {
        bytes += facts.blockBytes();
      }
    }

    private boolean isThroughVolume(Facts facts, Path descriptor) {
      if (facts.mount().isPresent()) {
        return mounts.contains(facts.mount().getAsLong());
      }
      try (Stream<String> lines = Files.lines(descriptor)) {
        return lines
            .filter(line -> line.startsWith(MOUNT_NUMBER))
            .anyMatch(
                line ->
                    mounts.contains(Long.valueOf(line.substring(MOUNT_NUMBER.length()).strip())));
      } catch (IOException closed) {
        return false;
      }
    }

    private static List<Path> entries(Path directory) {
      List<Path> entries = new ArrayList<>();
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        stream.forEach(entries::add);
      } catch (IOException | DirectoryIteratorException ended) {
        return entries; // the process or thread has ended
      }
      return entries;
    }
  }
}
