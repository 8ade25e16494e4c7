package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Gives each volume an ext4 file system of its own in a sparse file, mounted through a loop device:
 * a write past the limit fails. Needs root.
 *
 * <p>The mounts outlive the agent as the containers do; after a restart of the machine {@link
 * #prepare} mounts again.
 */
final class LoopImages implements VolumeLimit {
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(15);
  private static final Duration FORMAT_LIMIT = Duration.ofMinutes(5);
  private static final Duration MOUNT_LIMIT = Duration.ofMinutes(1);

  /**
   * What the file system itself takes: inode tables (256 bytes for each 16 KiB) and the journal (up
   * to 1 GiB), see mke2fs(8) and mke2fs.conf. Too much costs nothing, the file is sparse.
   */
  private static final long OVERHEAD_DIVISOR = 32;

  private static final long OVERHEAD_BYTES = 160L << 20;

  /** What images need that is not here. */
  static Optional<String> obstacle() {
    for (String program : List.of("mkfs.ext4", "mount", "umount")) {
      if (!Command.exists(program)) {
        return Optional.of("%s is not installed (e2fsprogs, mount)".formatted(program));
      }
    }
    if (!Files.exists(Path.of("/dev/loop-control"))) {
      return Optional.of("the kernel has no loop devices (no /dev/loop-control)");
    }
    return Optional.empty();
  }

  @Override
  public void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException {
    Path image = image(jobRoot, volume);
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (!Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
      format(jobRoot, image, limitBytes);
    }
    if (!isMounted(jobRoot, directory)) {
      DurableFiles.directory(directory, DurableFiles.OWNER_ONLY);
      mount(image, directory);
    }
    try {
      Files.deleteIfExists(directory.resolve("lost+found"));
    } catch (DirectoryNotEmptyException inUse) {
      // The job's own, or the file system's after a repair: either way it stays.
    }
    DurableFiles.directory(directory, DurableFiles.EVERYONE);
  }

  private static void format(Path jobRoot, Path image, long limitBytes) throws IOException {
    Path unfinished = image.resolveSibling(image.getFileName() + ".new");
    Files.deleteIfExists(unfinished);
    try (RandomAccessFile file = new RandomAccessFile(unfinished.toFile(), "rw")) {
      file.setLength(limitBytes + limitBytes / OVERHEAD_DIVISOR + OVERHEAD_BYTES);
    }
    Command.require(
        FORMAT_LIMIT, List.of("mkfs.ext4", "-q", "-F", "-m", "0", unfinished.toString()));
    DurableFiles.sync(unfinished);
    Files.move(unfinished, image, StandardCopyOption.ATOMIC_MOVE);
    DurableFiles.sync(jobRoot);
  }

  private static void mount(Path image, Path directory) throws IOException {
    // discard: what a job deletes is given back to the machine's disk.
    Command.require(
        MOUNT_LIMIT,
        List.of(
            "mount",
            "-t",
            "ext4",
            "-o",
            "loop,nosuid,nodev,noatime,discard",
            image.toString(),
            directory.toString()));
    if (!isSeenByTheMachine(directory)) {
      unmount(directory);
      throw new StorageException(
          Kind.REFUSED,
          "%s was mounted, but only for the agent itself, so no container would see it: its unit must not have a mount namespace of its own (ProtectSystem, PrivateTmp, ReadOnlyPaths …); or set volumes.enforcement to watch"
              .formatted(directory));
    }
  }

  /**
   * A service manager may have given the agent a mount namespace of its own; then Docker would bind
   * the empty directory below the mount, without any limit.
   */
  private static boolean isSeenByTheMachine(Path directory) throws IOException {
    Path mounts = Path.of("/proc/1/mountinfo");
    if (!Files.isReadable(mounts)) {
      return true;
    }
    // proc(5): blanks, tabs, line feeds and backslashes are written in octal.
    String escaped =
        directory
            .toString()
            .replace("\\", "\\134")
            .replace(" ", "\\040")
            .replace("\t", "\\011")
            .replace("\n", "\\012");
    return Files.readAllLines(mounts).stream().anyMatch(line -> line.contains(" " + escaped + " "));
  }

  private static void unmount(Path directory) {
    Command.Result result = Command.run(MOUNT_LIMIT, List.of("umount", directory.toString()));
    if (!result.succeeded()) {
      throw new StorageException(
          Kind.UNAVAILABLE,
          "cannot unmount %s: %s; end what uses it".formatted(directory, result.words()));
    }
  }

  private static boolean isMounted(Path jobRoot, Path directory) throws IOException {
    return Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
        && !device(directory).equals(device(jobRoot));
  }

  private static Object device(Path path) throws IOException {
    return Files.getAttribute(path, "unix:dev", LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public void reveal(Path jobRoot, Volume volume) throws IOException {
    Path image = image(jobRoot, volume);
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (Files.exists(image, LinkOption.NOFOLLOW_LINKS) && !isMounted(jobRoot, directory)) {
      mount(image, directory);
    }
  }

  @Override
  public long usedBytes(Path jobRoot, Volume volume) throws IOException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (!isMounted(jobRoot, directory)) {
      return 0;
    }
    FileStore store = Files.getFileStore(directory);
    return store.getTotalSpace() - store.getUnallocatedSpace();
  }

  @Override
  public void release(Path jobRoot, Volume volume) throws IOException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (isMounted(jobRoot, directory)) {
      unmount(directory);
    }
  }

  @Override
  public Duration lookInterval() {
    return LOOK_INTERVAL;
  }

  private static Path image(Path jobRoot, Volume volume) {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    return directory.resolveSibling(directory.getFileName() + ".img");
  }
}
