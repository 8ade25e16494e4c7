package io.gpurunner.agent.container.docker;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.gpurunner.agent.container.OutputPiece;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.Optional;

/**
 * Reads the frames of the engine's answer to {@code GET /containers/{id}/logs} with timestamps. A
 * frame has a head of eight bytes (the stream, three zeros, the length as a big-endian number), a
 * time in the form of RFC 3339 with nanoseconds, a blank, and the piece. (Docker Engine API,
 * "Attach to a container", and moby's daemon/logs.go.) For one thread.
 */
final class EngineFrames {
  /** The largest frame that is taken. The engine cuts lines after 16 KiB. */
  static final int MOST_FRAME_BYTES = 1 << 20;

  private static final int HEAD_BYTES = 8;
  private static final int BUFFER_BYTES = 64 << 10;
  private static final int STDOUT = 1;
  private static final int STDERR = 2;
  private static final int ENGINE_ERROR = 3;

  /** The length of {@code 2006-01-02T15:04:05.000000000Z}. */
  private static final int TIME_BYTES = 30;

  /** The largest length of a time with an offset. */
  private static final int MOST_TIME_BYTES = 40;

  private static final Instant MOST_TIME = Instant.parse("2200-01-01T00:00:00Z");

  private final InputStream in;
  private byte[] buffer = new byte[BUFFER_BYTES];
  private int from;
  private int to;

  /** The second of the last time, and its number, because most pieces follow one another fast. */
  private byte[] lastSecond = new byte[0];

  private Instant lastSecondAt = Instant.EPOCH;

  EngineFrames(InputStream in) {
    this.in = in;
  }

  /**
   * Returns the next piece. It is empty at the end of the answer.
   *
   * @throws IOException if the answer ends within a frame, is no such answer, or reports an error
   *     of the engine
   */
  Optional<OutputPiece> next() throws IOException {
    if (!fill(HEAD_BYTES)) {
      if (from == to) {
        return Optional.empty();
      }
      throw new EOFException("the engine's log ends within a frame");
    }
    int stream = buffer[from];
    int length = number(from + HEAD_BYTES / 2);
    if (buffer[from + 1] != 0 || length < 0 || length > MOST_FRAME_BYTES) {
      throw new IOException("the engine's log has a frame that cannot be read");
    }
    if (!fill(HEAD_BYTES + length)) {
      throw new EOFException("the engine's log ends within a frame");
    }
    int start = from + HEAD_BYTES;
    from = start + length;
    return switch (stream) {
      case STDOUT -> Optional.of(piece(OutputPiece.Stream.STDOUT, start, length));
      case STDERR -> Optional.of(piece(OutputPiece.Stream.STDERR, start, length));
      case ENGINE_ERROR ->
          throw new IOException(
              EngineErrors.bounded("the engine: " + new String(buffer, start, length, UTF_8)));
      default -> throw new IOException("the engine's log has a frame of stream " + stream);
    };
  }

  /** Returns whether a whole frame was read from the engine already. */
  boolean hasMore() {
    return to - from >= HEAD_BYTES && to - from - HEAD_BYTES >= number(from + HEAD_BYTES / 2);
  }

  private int number(int at) {
    return (buffer[at] & 0xFF) << 24
        | (buffer[at + 1] & 0xFF) << 16
        | (buffer[at + 2] & 0xFF) << 8
        | (buffer[at + 3] & 0xFF);
  }

  private OutputPiece piece(OutputPiece.Stream stream, int start, int length) throws IOException {
    int end = start + Math.min(length, MOST_TIME_BYTES);
    int blank = start;
    while (blank < end && buffer[blank] != ' ') {
      blank++;
    }
    if (blank == end) {
      throw new IOException("the engine's log has a frame without a time");
    }
    return new OutputPiece(
        time(start, blank - start), stream, Arrays.copyOfRange(buffer, blank + 1, start + length));
  }

  private Instant time(int start, int length) throws IOException {
    int second = TIME_BYTES - "000000000Z".length();
    if (length == TIME_BYTES
        && buffer[start + length - 1] == 'Z'
        && Arrays.equals(buffer, start, start + second, lastSecond, 0, lastSecond.length)) {
      int nanos = 0;
      for (int at = start + second; at < start + length - 1; at++) {
        nanos = nanos * 10 + buffer[at] - '0';
      }
      if (nanos >= 0 && nanos < 1_000_000_000) {
        return lastSecondAt.plusNanos(nanos);
      }
    }
    try {
      Instant at = OffsetDateTime.parse(new String(buffer, start, length, US_ASCII)).toInstant();
      if (at.isBefore(Instant.EPOCH) || at.isAfter(MOST_TIME)) {
        throw new DateTimeException("no time of an engine: " + at);
      }
      if (length == TIME_BYTES) {
        lastSecond = Arrays.copyOfRange(buffer, start, start + second);
        lastSecondAt = Instant.ofEpochSecond(at.getEpochSecond());
      }
      return at;
    } catch (DateTimeException e) {
      throw new IOException("the engine's log has a frame without a time", e);
    }
  }

  /** Reads until so many bytes are in the buffer. Returns whether they are. */
  private boolean fill(int bytes) throws IOException {
    if (to - from >= bytes) {
      return true;
    }
    if (buffer.length - from < Math.max(bytes, BUFFER_BYTES / 2)) {
      byte[] room = buffer.length >= bytes ? buffer : new byte[bytes + BUFFER_BYTES];
      System.arraycopy(buffer, from, room, 0, to - from);
      to -= from;
      from = 0;
      buffer = room;
    }
    while (to - from < bytes) {
      int more = in.read(buffer, to, buffer.length - to);
      if (more < 0) {
        return false;
      }
      to += more;
    }
    return true;
  }
}
