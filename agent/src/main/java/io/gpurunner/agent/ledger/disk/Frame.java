package io.gpurunner.agent.ledger.disk;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What the files of the journal and of snapshots are made of, and what the index keeps of a job: a
 * number, some content, and a checksum of both. On disk, big-endian: the text {@code GRF1}, the
 * length of the content in bytes (4), the number (8), the CRC-32C of length, number and content
 * (4), the content.
 *
 * @param end the position in the file where the frame ends
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Frame(long number, byte[] content, long end) {
  static final int HEADER_BYTES = 20;
  private static final int MAGIC = 0x47524631;
  private static final ByteBuffer ZEROES = ByteBuffer.allocate(64 << 10);

  /** Takes a frame. */
  interface Reader {
    void read(Frame frame) throws IOException;
  }

  Frame(long number, byte[] content) {
    this(number, content, (long) HEADER_BYTES + content.length);
  }

  /** The bytes of a frame, ready to be written. */
  static ByteBuffer bytes(long number, byte[] content) {
    return ByteBuffer.allocate(HEADER_BYTES + content.length)
        .put(header(number, content))
        .put(content)
        .flip();
  }

  private static ByteBuffer header(long number, byte[] content) {
    return ByteBuffer.allocate(HEADER_BYTES)
        .putInt(MAGIC)
        .putInt(content.length)
        .putLong(number)
        .putInt(sum(number, content))
        .flip();
  }

  void writeTo(OutputStream out) throws IOException {
    out.write(header(number, content).array());
    out.write(content);
  }

  /** Reads a frame that is whole; empty where there is none at that position. */
  static Optional<Frame> at(ByteBuffer bytes, int position) {
    if (position + HEADER_BYTES > bytes.limit() || bytes.getInt(position) != MAGIC) {
      return Optional.empty();
    }
    int length = bytes.getInt(position + 4);
    long number = bytes.getLong(position + 8);
    int from = position + HEADER_BYTES;
    if (length < 0 || length > bytes.limit() - from) {
      return Optional.empty();
    }
    byte[] content = new byte[length];
    bytes.get(from, content);
    return sum(number, content) == bytes.getInt(position + 16)
        ? Optional.of(new Frame(number, content, (long) from + length))
        : Optional.empty();
  }

  /**
   * Reads the next frame; empty where no whole one comes next.
   *
   * @param limit the longest that it can be
   */
  static Optional<Frame> next(InputStream in, long limit) throws IOException {
    byte[] bytes = in.readNBytes(HEADER_BYTES);
    if (bytes.length < HEADER_BYTES) {
      return Optional.empty();
    }
    ByteBuffer header = ByteBuffer.wrap(bytes);
    int magic = header.getInt();
    int length = header.getInt();
    long number = header.getLong();
    if (magic != MAGIC || length < 0 || length > limit) {
      return Optional.empty();
    }
    byte[] content = in.readNBytes(length);
    return content.length == length && sum(number, content) == header.getInt()
        ? Optional.of(new Frame(number, content))
        : Optional.empty();
  }

  /** Whether a whole frame begins anywhere from that position on. */
  static boolean isAnyFrom(ByteBuffer bytes, int position) {
    int at = nonZeroFrom(bytes, position);
    while (at + HEADER_BYTES <= bytes.limit()) {
      if (bytes.getInt(at) == MAGIC && at(bytes, at).isPresent()) {
        return true;
      }
      at = nonZeroFrom(bytes, at + 1);
    }
    return false;
  }

  /**
   * The position of the next byte that is not zero, or the limit. A segment has megabytes of zeroes
   * at its end, and a start waits until they are looked at.
   */
  private static int nonZeroFrom(ByteBuffer bytes, int position) {
    int at = position;
    while (at < bytes.limit() && bytes.get(at) == 0) {
      int length = Math.min(ZEROES.limit(), bytes.limit() - at);
      int same = bytes.slice(at, length).mismatch(ZEROES.slice(0, length));
      at += same < 0 ? length : same;
    }
    return at;
  }

  private static int sum(long number, byte[] content) {
    CRC32C sum = new CRC32C();
    sum.update(
        ByteBuffer.allocate(Integer.BYTES + Long.BYTES)
            .putInt(content.length)
            .putLong(number)
            .flip());
    sum.update(content);
    return (int) sum.getValue();
  }
}
