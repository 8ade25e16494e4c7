package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;

/**
 * How an object is cut into parts. Limits: Amazon S3 user guide, "Multipart upload limits".
 *
 * @param partBytes every part's size but the last one's
 * @param parts at least one, though that may be empty
 */
record PartPlan(long lengthBytes, long partBytes, int parts) {
  static final long MAX_OBJECT_BYTES = 5L << 40;
  static final int MAX_PARTS = 10_000;

  /** Large enough to fill a fast line, small enough to send again. */
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

  /** Where a part begins; they are counted from zero. */
  long offset(int part) {
    return part * partBytes;
  }

  long length(int part) {
    return Math.min(partBytes, lengthBytes - offset(part));
  }
}
