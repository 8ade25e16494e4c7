package io.gpurunner.agent.ledger;

import java.io.IOException;
import java.nio.channels.FileChannel;
import org.h2.store.fs.FilePath;
import org.h2.store.fs.FilePathWrapper;

/**
 * The file system of H2's that the database is written through: {@code sealed:file:/path}. See
 * {@code SealedFile}. Public, as is its constructor, for H2 alone, which makes one for each path.
 * Thread-safe.
 */
public final class SealedFiles extends FilePathWrapper {
  private static final String SCHEME = "sealed";

  static {
    FilePath.register(new SealedFiles());
  }

  /** For H2. */
  public SealedFiles() {}

  /** The name of the same file, sealed. */
  static String over(String name) {
    return SCHEME + ":" + name;
  }

  @Override
  public String getScheme() {
    return SCHEME;
  }

  @Override
  public FileChannel open(String mode) throws IOException {
    return new SealedFile(super.open(mode), UnsyncedMark.of(getBase()));
  }
}
