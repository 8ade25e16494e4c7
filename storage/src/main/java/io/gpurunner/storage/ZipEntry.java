package io.gpurunner.storage;

import java.time.Instant;
import java.util.Optional;

/**
 * An entry of a zip archive: a file, or a directory that holds no file.
 *
 * @param file its content; empty for a directory
 */
record ZipEntry(String name, Instant modified, Optional<ModelFile> file) {
  // The types and modes of stat(2). Of the job's own modes only the executable bit is carried to
  // where the archive is unpacked.
  private static final int DIRECTORY = 0040755;
  private static final int FILE = 0100644;
  private static final int EXECUTABLE = 0100755;

  /** A zip archive marks a directory by a slash at the end of its name. */
  static ZipEntry directory(String name, Instant modified) {
    return new ZipEntry(name + "/", modified, Optional.empty());
  }

  static ZipEntry file(ModelFile file) {
    return new ZipEntry(file.name(), file.modified(), Optional.of(file));
  }

  long bytes() {
    return file.map(ModelFile::bytes).orElse(0L);
  }

  int crc32() {
    return file.map(ModelFile::crc32).orElse(0);
  }

  int unixMode() {
    return file.map(content -> content.executable() ? EXECUTABLE : FILE).orElse(DIRECTORY);
  }
}
