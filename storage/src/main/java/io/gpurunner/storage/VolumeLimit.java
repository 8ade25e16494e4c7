package io.gpurunner.storage;

import io.gpurunner.storage.TreeMeasure.HiddenTreeException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * A way to keep a volume within its size. Thread-safe; every step may be repeated after a crash.
 */
interface VolumeLimit {
  /**
   * The volume size for each file that is allowed. A file system has a limited number of inodes,
   * and a job may create any number of empty files. One file for this many bytes is the ratio of
   * ext4 itself (mke2fs.conf). So volumes that fit the disk by their sizes also fit by their files.
   */
  long BYTES_PER_FILE = 16 << 10;

  /** The number of files that even a small volume may hold. */
  long MIN_FILES = 100_000;

  /** Returns how many files, directories and links a volume of this size may hold. */
  static long maxFiles(long limitBytes) {
    return Math.max(MIN_FILES, limitBytes / BYTES_PER_FILE);
  }

  /** Creates the volume's directory, empty and open to every container user, or finds it. */
  void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException;

  /** Makes the volume's content readable, also after a reboot of the machine. */
  void reveal(Path jobRoot, Volume volume) throws IOException;

  /**
   * What a volume takes.
   *
   * @param bytes on disk; 0 if there is no such volume
   * @param files the number of files, directories and links in the volume, if only looks keep it
   *     within {@link #maxFiles}. It is empty if the kernel itself refuses more
   */
  record Usage(long bytes, Optional<Long> files) {
    /** Adds what is beside the volume, and counts to it. */
    Usage plus(TreeMeasure.Used beside) {
      return beside.files() == 0
          ? this
          : new Usage(bytes + beside.bytes(), Optional.of(files.orElse(0L) + beside.files()));
    }
  }

  /**
   * Measures the volume.
   *
   * @param maxFiles counting may end once there are more files
   * @throws HiddenTreeException if the job keeps its volume from being measured
   */
  Usage measure(Path jobRoot, Volume volume, long maxFiles) throws IOException, HiddenTreeException;

  /**
   * Returns the directories of the jobs whose volumes take something of the machine that {@link
   * #reveal} can take again, as mounts do.
   *
   * @param jobs the directory of all jobs' directories
   */
  default Set<Path> shown(Path jobs) throws IOException {
    return Set.of();
  }

  /** Releases the volume's mount or quota, and keeps its files. */
  void release(Path jobRoot, Volume volume) throws IOException;

  /** See {@link JobVolumes#lookInterval}. */
  Duration lookInterval();

  /** Returns the volume's directory. */
  static Path directory(Path jobRoot, Volume volume) {
    return jobRoot.resolve(volume.name().toLowerCase(Locale.ROOT));
  }
}
