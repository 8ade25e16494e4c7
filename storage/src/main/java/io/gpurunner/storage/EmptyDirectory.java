package io.gpurunner.storage;

import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;

/**
 * A directory in which no file is published.
 *
 * @param sameNamed its number among the entries with the same published name, from 1
 */
record EmptyDirectory(Path relative, int sameNamed, Instant modified) implements ZipEntry {
  private static final int MODE = 0040755;

  /** A zip archive marks a directory by a slash at the end of its name. */
  @Override
  public String name() {
    return ModelDirectory.numbered(relative, sameNamed) + "/";
  }

  @Override
  public long bytes() {
    return 0;
  }

  @Override
  public int crc32() {
    return 0;
  }

  @Override
  public int unixMode() {
    return MODE;
  }

  @Override
  public InputStream open(long offset) {
    return InputStream.nullInputStream();
  }
}
