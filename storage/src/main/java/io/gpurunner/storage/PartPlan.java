package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;

/**
 * The parts of an object. Limits: Amazon S3 user guide, "Multipart upload limits".
 *
 * @param partBytes the size of every part but the last
 * @param parts at least one, which may be empty
 */
record PartPlan(long lengthBytes, long partBytes, int parts) {
  static final long MAX_OBJECT_BYTES = 5L << 40;
  static final int MAX_PARTS = 10_000;

  /**
   * The usual size of a part. It is large enough to fill a fast line, and small enough to send
   * again.
   */
  static final long USUAL_PART_BYTES = 16L << 20;

  private static final long STEP_BYTES = 1L << 20;

  static PartPlan of(long lengthBytes) {
    if (lengthBytes > MAX_OBJECT_BYTES) {
      throw new StorageException(
          Kind.REFUSED,
          "an object of %d bytes is more than S3 takes, %d bytes"
              .formatted(lengthBytes, MAX_OBJECT_BYTES));
    }
    long smallest = Math.ceilDiv(Math.ceilDiv(lengthBytes, MAX_PARTS), STEP_BYTES) * STEP_BYTES;
    long partBytes = Math.max(USUAL_PART_BYTES, smallest);
    return new PartPlan(
        lengthBytes, partBytes, Math.max(1, (int) Math.ceilDiv(lengthBytes, partBytes)));
  }

  /** Returns where a part begins. Parts are counted from zero. */
  long offset(int part) {
    return part * partBytes;
  }

  long length(int part) {
    return Math.min(partBytes, lengthBytes - offset(part));
  }
}
