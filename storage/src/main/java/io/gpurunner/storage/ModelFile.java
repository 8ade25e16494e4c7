package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;

/**
 * A regular file of a model directory as it was measured before anything was sent.
 *
 * @param relative its path below the directory
 * @param sameNamed its number among the files with the same published name, from 1
 * @param sha256 in hexadecimal
 * @param crc32 of the whole file, for zip archives
 * @param fingerprints one for each block of {@link MeasuredBlocks#BLOCK_BYTES}
 */
record ModelFile(
    Path root,
    Path relative,
    int sameNamed,
    long bytes,
    Instant modified,
    String sha256,
    int crc32,
    Fingerprints fingerprints) {

  /**
   * Returns the published path. Every call computes it again, because a job may leave more names
   * than the agent can keep twice.
   */
  String name() {
    String readable = ArtifactNames.readable(relative);
    return sameNamed == 1 ? readable : readable + "~" + sameNamed;
  }

  /**
   * Opens the file's bytes from an offset on.
   *
   * @throws IOException if they are not those that were measured
   */
  InputStream open(long offset) throws IOException {
    return new MeasuredBlocks(this, SafeTree.read(root, relative), offset);
  }
}
