package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/**
 * A regular file that a model directory publishes, as it was measured before anything was sent.
 *
 * @param root the directory that holds the file: the model directory, or another one to which a
 *     link of the model directory leads
 * @param source its path below that directory
 * @param linkedTo its path in the container, if a link led to it
 * @param relative the path below the model directory under which it is published
 * @param executable whether its owner may execute it
 * @param sameNamed its number among the files with the same published name, from 1
 * @param sha256 in hexadecimal
 * @param crc32 of the whole file, for zip archives
 * @param fingerprints one for each block of {@link MeasuredBlocks#BLOCK_BYTES}
 */
record ModelFile(
    Path root,
    Path source,
    Optional<Path> linkedTo,
    Path relative,
    boolean executable,
    int sameNamed,
    long bytes,
    Instant modified,
    String sha256,
    int crc32,
    Fingerprints fingerprints)
    implements ZipEntry {
  // Of the job's own modes only the executable bit is carried to where an archive is unpacked.
  private static final int MODE = 0100644;
  private static final int EXECUTABLE_MODE = 0100755;

  /**
   * Returns the published path. Every call computes it again, because a job may leave more names
   * than the agent can keep twice.
   */
  @Override
  public String name() {
    return ModelDirectory.numbered(relative, sameNamed);
  }

  /**
   * Opens the file's bytes from an offset on.
   *
   * @throws IOException if they are not those that were measured
   */
  @Override
  public InputStream open(long offset) throws IOException {
    return new MeasuredBlocks(this, SafeTree.read(root, source), offset);
  }

  @Override
  public int unixMode() {
    return executable ? EXECUTABLE_MODE : MODE;
  }
}
