package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;

/**
 * A regular file of a model directory as it was measured before anything was sent.
 *
 * @param relative its path below the directory
 * @param name that path as it is published
 * @param sha256 in hexadecimal
 * @param crc32 of the whole, as zip archives want it
 * @param fingerprints one for each block of {@link MeasuredBlocks#BLOCK_BYTES}
 */
record ModelFile(
    Path root,
    Path relative,
    String name,
    long bytes,
    Instant modified,
    String sha256,
    int crc32,
    List<Integer> fingerprints) {

  /**
   * Opens the file's bytes from an offset on.
   *
   * @throws IOException where they are not, or no longer, the ones that were measured
   */
  InputStream open(long offset) throws IOException {
    return new MeasuredBlocks(this, SafeTree.read(root, relative), offset);
  }
}
