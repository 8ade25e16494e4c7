package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;

/** An entry of a zip archive: a file, or a directory in which there is no file. */
sealed interface ZipEntry permits ModelFile, EmptyDirectory {
  /** Returns the path in the archive, with slashes. */
  String name();

  Instant modified();

  long bytes();

  int crc32();

  /** Returns the type and the mode, as stat(2) has them. */
  int unixMode();

  /** Opens the content from an offset on. */
  InputStream open(long offset) throws IOException;
}
