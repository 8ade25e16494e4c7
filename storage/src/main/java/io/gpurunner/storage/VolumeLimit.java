package io.gpurunner.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/**
 * One way to keep a volume within its size. Thread-safe; every step may be taken again after a
 * crash in the middle of it.
 */
interface VolumeLimit {
  /** Makes the volume's directory, empty and open to every container user, or finds it. */
  void prepare(Path jobRoot, Volume volume, long limitBytes) throws IOException;

  /** Sees to it that what is in the volume can be read, also after the machine was started anew. */
  void reveal(Path jobRoot, Volume volume) throws IOException;

  /** Bytes the volume takes on disk; none where there is no such volume (any more). */
  long usedBytes(Path jobRoot, Volume volume) throws IOException;

  /** Gives back everything but the files. */
  void release(Path jobRoot, Volume volume) throws IOException;

  /** See {@link JobVolumes#lookInterval}. */
  Duration lookInterval();

  /** The volume's directory. */
  static Path directory(Path jobRoot, Volume volume) {
    return jobRoot.resolve(volume.name().toLowerCase(Locale.ROOT));
  }
}
