package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Gives each volume an ext4 file system of its own in a sparse file, mounted through a loop device.
 * A write beyond the limit fails, and so does one file more than its inodes. Needs root.
 *
 * <p>The mounts outlive the agent, as the containers do. After a reboot of the machine, {@link
 * #prepare} and {@link #reveal} mount again.
 */
final class LoopImages implements VolumeLimit {
  private static final Duration LOOK_INTERVAL = Duration.ofSeconds(15);
  private static final Duration FORMAT_LIMIT = Duration.ofMinutes(5);

  /**
   * The share that the file system itself takes: inode tables (256 bytes for each of {@link
   * VolumeLimit#maxFiles}) and the journal (up to 1 GiB), see mke2fs(8) and mke2fs.conf. Too much
   * costs nothing, because the file is sparse.
   */
  private static final long OVERHEAD_DIVISOR = 32;

  private static final long OVERHEAD_BYTES = 160L << 20;

  private static final long TRIAL_BYTES = 1 << 20;
  private static final String TRIAL = "enforcement-trial";

  private final MachineMounts mounts;

  /** Measures the volumes of jobs that were prepared before volumes were images. */
  private final Watching watching;

  LoopImages(MachineMounts mounts) {
    this.mounts = mounts;
    this.watching = new Watching(this);
  }

  /** Returns what images need and this machine lacks, if it lacks something. */
  static Optional<String> obstacle() {
    for (String program : List.of("mkfs.ext4", "mount", "umount", "nsenter")) {
      if (!Command.exists(program)) {
        return Optional.of(
            "%s is not installed (packages e2fsprogs, mount, util-linux)".formatted(program));
      }
    }
    if (!Files.exists(Path.of("/dev/loop-control"))) {
      return Optional.of("the kernel has no loop devices (no /dev/loop-control)");
    }
    return Optional.empty();
  }

  /**
   * Mounts a small image, and unmounts it. So it is known before the first job whether this process
   * may do that, and whether the machine sees the mount.
   *
   * @param jobs the directory of all jobs' directories
   * @return why it cannot be done, if it cannot
   */
  Optional<String> tryOut(Path jobs) {
    Path root = jobs.resolve(TRIAL);
    try {
      DurableFiles.directory(root, DurableFiles.OWNER_ONLY);
      try {
        prepare(root, Volume.MODEL, TRIAL_BYTES);
      } finally {
        release(root, Volume.MODEL);
        TreeRemoval.remove(root);
      }
      return Optional.empty();
    } catch (StorageException failure) {
      return Optional.of(String.valueOf(failure.getMessage()));
    } catch (IOException failure) {
      return Optional.of(FileFault.words(failure));
    }
  }

  @Override
  public void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException {
    Path image = image(jobRoot, volume);
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (isWatched(jobRoot, volume)) {
      watching.prepare(jobRoot, volume, limitBytes);
      return;
    }
    if (!Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
      format(jobRoot, image, limitBytes);
    }
    if (!mounts.isMounted(directory)) {
      DurableFiles.directory(directory, DurableFiles.OWNER_ONLY);
    }
    mount(jobRoot, image, directory);
    try {
      Files.deleteIfExists(directory.resolve("lost+found"));
    } catch (DirectoryNotEmptyException inUse) {
      // It is the job's own, or the file system's after a repair. In both cases it stays.
    }
    DurableFiles.directory(directory, DurableFiles.EVERYONE);
  }

  /** Returns whether the volume holds files and has no image, which would hide them. */
  private static boolean isWatched(Path jobRoot, Volume volume) throws IOException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (Files.exists(image(jobRoot, volume), LinkOption.NOFOLLOW_LINKS)
        || !Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      return entries.iterator().hasNext();
    }
  }

  private static void format(Path jobRoot, Path image, long limitBytes) throws IOException {
    Path unfinished = image.resolveSibling(image.getFileName() + ".new");
    Files.deleteIfExists(unfinished);
    try (RandomAccessFile file = new RandomAccessFile(unfinished.toFile(), "rw")) {
      file.setLength(limitBytes + limitBytes / OVERHEAD_DIVISOR + OVERHEAD_BYTES);
    }
    Command.require(
        FORMAT_LIMIT,
        List.of(
            "mkfs.ext4",
            "-q",
            "-F",
            "-m",
            "0",
            "-N",
            Long.toString(VolumeLimit.maxFiles(limitBytes)),
            unfinished.toString()));
    DurableFiles.sync(unfinished);
    Files.move(unfinished, image, StandardCopyOption.ATOMIC_MOVE);
    DurableFiles.sync(jobRoot);
  }

  private void mount(Path jobRoot, Path image, Path directory) throws IOException {
    boolean made = !mounts.isMounted(directory);
    if (made) {
      // discard: the room of deleted files goes back to the machine's disk.
      mounts.mount("loop,nosuid,nodev,noatime,discard", image, directory);
    }
    if (!mounts.isMounted(directory)) {
      mounts.unmount(directory);
      throw new StorageException(
          Kind.REFUSED,
          "%s was mounted, but only for the agent itself, so no container would see it: the agent has a mount namespace of its own and may not enter the machine's (as root it needs CAP_SYS_ADMIN, CAP_SYS_CHROOT and CAP_SYS_PTRACE for that); give it these capabilities, or set volumes.enforcement to watch"
              .formatted(directory));
    }
    if (!isSeen(jobRoot, directory)) {
      if (made) {
        mounts.unmount(directory);
      }
      throw new StorageException(
          Kind.REFUSED,
          "%s was mounted for the machine, but the agent itself does not see it: set MountFlags=slave or shared in its unit, so that mounts reach it, or set volumes.enforcement to watch"
              .formatted(directory));
    }
  }

  /** Returns whether the agent itself sees the volume in its directory. */
  private static boolean isSeen(Path jobRoot, Path directory) throws IOException {
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
    if (Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
      mount(jobRoot, image, directory);
    }
  }

  /**
   * Checks that a volume's content is visible, for the other ways to limit volumes. If the job was
   * prepared while volumes were images, the directory is empty unless the image is mounted.
   *
   * @throws StorageException REFUSED if it is not mounted
   */
  static void requireShown(Path jobRoot, Volume volume) throws IOException {
    Path image = image(jobRoot, volume);
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (Files.exists(image, LinkOption.NOFOLLOW_LINKS) && !isSeen(jobRoot, directory)) {
      throw new StorageException(
          Kind.REFUSED,
          "the content of %s is in %s, which is not mounted there; set volumes.enforcement to image and start the agent again, or run: mount -o loop,nosuid,nodev %s %s"
              .formatted(directory, image, image, directory));
    }
  }

  @Override
  public Usage measure(Path jobRoot, Volume volume, long maxFiles)
      throws IOException, HiddenTreeException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (!Files.exists(image(jobRoot, volume), LinkOption.NOFOLLOW_LINKS)) {
      return watching.measure(jobRoot, volume, maxFiles);
    }
    if (!isSeen(jobRoot, directory)) {
      return new Usage(0, Optional.empty());
    }
    FileStore store = Files.getFileStore(directory);
    return new Usage(store.getTotalSpace() - store.getUnallocatedSpace(), Optional.empty());
  }

  @Override
  public Set<Path> shown(Path jobs) throws IOException {
    return mounts.mountedBelow(jobs).stream()
        .map(Path::getParent)
        .filter(root -> root != null && jobs.equals(root.getParent()))
        .collect(Collectors.toSet());
  }

  @Override
  public void release(Path jobRoot, Volume volume) throws IOException {
    Path directory = VolumeLimit.directory(jobRoot, volume);
    if (Files.exists(image(jobRoot, volume), LinkOption.NOFOLLOW_LINKS)
        && Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)
        && mounts.isMounted(directory)) {
      mounts.unmount(directory);
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
