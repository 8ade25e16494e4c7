package io.gpurunner.storage;

import java.util.Arrays;

/**
 * The fingerprints of a file's blocks of {@link MeasuredBlocks#BLOCK_BYTES}, four bytes a block.
 * Filled by one thread, then read by any.
 */
final class Fingerprints {
  private int[] sums = new int[1];
  private int count;

  void add(int sum) {
    if (count == sums.length) {
      sums = Arrays.copyOf(sums, 2 * count);
    }
    sums[count++] = sum;
  }

  int get(int block) {
    return sums[block];
  }
}
