package io.gpurunner.agent.log;

import io.gpurunner.agent.container.OutputPiece;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * One record of a log's index. On disk it has 32 bytes: the time (8, nanoseconds since 1970), where
 * its bytes begin in the segment's text (4), their length (4), their checksum (4), the kind (1),
 * whether the line goes on in the next record (1), how many equal pieces come directly before it
 * (4), two zeros, and the checksum of the record with its number (4). All numbers are big-endian.
 *
 * @param seq the number of the record in the log of its run, from 0
 * @param crc the CRC32C of its bytes
 * @param partial whether its line goes on in the next record of the same stream
 * @param repeats how many pieces with the same signature come directly before it
 */
record LogRecord(
    long seq,
    Instant at,
    Kind kind,
    int offset,
    int length,
    int crc,
    boolean partial,
    int repeats) {
  static final int BYTES = 32;

  private static final int CHECKED_BYTES = BYTES - Integer.BYTES;
  private static final int ZEROS = 2;
  private static final long NANOS_A_SECOND = 1_000_000_000;

  /** What a record is. */
  enum Kind {
    /** A piece of standard output. */
    STDOUT(0),
    /** A piece of standard error. */
    STDERR(1),
    /** Some output is missing here. The record's bytes say why. */
    GAP(2),
    /** The run is over, and all that could be had of its output comes before. */
    END(3);

    private final int number;

    /**
     * @param number stands for it on disk
     */
    Kind(int number) {
      this.number = number;
    }

    private static Optional<Kind> of(int number) {
      return Arrays.stream(values()).filter(kind -> kind.number == number).findFirst();
    }

    static Kind of(OutputPiece.Stream stream) {
      return switch (stream) {
        case STDOUT -> STDOUT;
        case STDERR -> STDERR;
      };
    }

    /** Returns whether the container printed it. */
    boolean isOutput() {
      return this == STDOUT || this == STDERR;
    }
  }

  /** What tells one piece of output from another. */
  record Signature(Instant at, Kind kind, int length, int crc) {
    static Signature of(OutputPiece piece) {
      return new Signature(
          piece.at(), Kind.of(piece.stream()), piece.bytes().length, crcOf(piece.bytes()));
    }
  }

  Signature signature() {
    return new Signature(at, kind, length, crc);
  }

  static int crcOf(byte[] bytes) {
    return crcOf(bytes, 0, bytes.length);
  }

  static int crcOf(byte[] bytes, int from, int count) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, count);
    return (int) crc.getValue();
  }

  void writeTo(ByteBuffer index) {
    int start = index.position();
    index.putLong(
        Math.addExact(Math.multiplyExact(at.getEpochSecond(), NANOS_A_SECOND), at.getNano()));
    index.putInt(offset).putInt(length).putInt(crc).put((byte) kind.number);
    index.put((byte) (partial ? 1 : 0)).putInt(repeats).put(new byte[ZEROS]);
    index.putInt(check(index, start, seq));
  }

  /**
   * Reads the next record.
   *
   * @param seq the number that it must have
   * @return empty if these bytes are no record with that number
   */
  static Optional<LogRecord> read(ByteBuffer index, long seq) {
    int start = index.position();
    long nanos = index.getLong();
    int offset = index.getInt();
    int length = index.getInt();
    int crc = index.getInt();
    Optional<Kind> kind = Kind.of(index.get());
    boolean partial = index.get() != 0;
    int repeats = index.getInt();
    index.position(start + CHECKED_BYTES);
    boolean valid =
        index.getInt() == check(index, start, seq)
            && kind.isPresent()
            && offset >= 0
            && length >= 0
            && repeats >= 0;
    return valid
        ? Optional.of(
            new LogRecord(
                seq,
                Instant.ofEpochSecond(
                    Math.floorDiv(nanos, NANOS_A_SECOND), Math.floorMod(nanos, NANOS_A_SECOND)),
                kind.get(),
                offset,
                length,
                crc,
                partial,
                repeats))
        : Optional.empty();
  }

  private static int check(ByteBuffer index, int start, long seq) {
    CRC32C crc = new CRC32C();
    crc.update(index.duplicate().position(start).limit(start + CHECKED_BYTES));
    for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
      crc.update((int) (seq >>> shift) & 0xFF);
    }
    return (int) crc.getValue();
  }
}
