package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * One way to keep a volume within its size. Thread-safe; every step may be taken again after a
 * crash in the middle of it.
 */
interface VolumeLimit {
  /**
   * A file system has only so many inodes, and a job may make empty files without end. One for so
   * many bytes is what ext4 itself has (mke2fs.conf), so that volumes which fit the disk by their
   * sizes do so by their files, too.
   */
  long BYTES_PER_FILE = 16 << 10;

  /** Room for a small volume's many small files. */
  long MIN_FILES = 100_000;

  /** How many files, directories and links a volume of this size may hold. */
  static long maxFiles(long limitBytes) {
    return Math.max(MIN_FILES, limitBytes / BYTES_PER_FILE);
  }

  /** Makes the volume's directory, empty and open to every container user, or finds it. */
  void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException;

  /** Sees to it that what is in the volume can be read, also after the machine was started anew. */
  void reveal(Path jobRoot, Volume volume) throws IOException;

  /** Bytes the volume takes on disk; none where there is no such volume (any more). */
  long usedBytes(Path jobRoot, Volume volume) throws IOException;

  /**
   * Files, directories and links in the volume, where only looking keeps them within {@link
   * #maxFiles}; empty where the kernel refuses more by itself.
   */
  default Optional<Long> countFiles(Path jobRoot, Volume volume) throws IOException {
    return Optional.empty();
  }

  /** Gives back everything but the files. */
  void release(Path jobRoot, Volume volume) throws IOException;

  /** See {@link JobVolumes#lookInterval}. */
  Duration lookInterval();

  /** The volume's directory. */
  static Path directory(Path jobRoot, Volume volume) {
    return jobRoot.resolve(volume.name().toLowerCase(Locale.ROOT));
  }
}
