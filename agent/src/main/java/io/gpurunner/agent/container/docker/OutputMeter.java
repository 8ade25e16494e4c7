package io.gpurunner.agent.container.docker;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;

/**
 * Passes pieces of output on, and measures how much room they take in the files of the engine's log
 * driver {@code json-file}. There each piece is a line of JSON. So short lines of output take many
 * times their own length. Each write is one piece, or a part of a long one, because the client
 * library passes on 1,024 bytes at most. Not thread-safe.
 */
final class OutputMeter extends FilterOutputStream {
  /** The room of a piece without its text: {@code {"log":"","stream":"stdout","time":"…"}}. */
  private static final int ENTRY_BYTES = 69;

  /** The room of a character that is written as its number, such as {@code \\u003c}. */
  private static final int NUMBERED_BYTES = 6;

  /** The number of places in the kept part at which it can begin. */
  private static final int PLACES = 256;

  private final long keptBytes;
  private final Deque<Place> places = new ArrayDeque<>();
  private long stored;
  private long passed;

  /**
   * The beginning of a piece, or of a part of one that does not begin within a character.
   *
   * @param stored the room that the engine needs for what came before it, in bytes
   * @param passed the length of what came before it, in bytes
   */
  private record Place(long stored, long passed) {}

  /**
   * @param keptBytes the room for the pieces that are kept
   */
  OutputMeter(OutputStream to, long keptBytes) {
    super(to);
    this.keptBytes = keptBytes;
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    Place last = places.peekLast();
    if (last == null
        || (stored - last.stored() >= keptBytes / PLACES && beginsCharacter(bytes[offset]))) {
      places.addLast(new Place(stored, passed));
    }
    out.write(bytes, offset, length);
    stored += storedBytes(bytes, offset, length);
    passed += length;
    while (places.size() > 1 && stored - places.getFirst().stored() > keptBytes) {
      places.removeFirst();
    }
  }

  /**
   * Returns where the kept part begins, in bytes from the beginning of what was passed on. It is
   * empty if all is kept, and then the engine has dropped nothing either.
   */
  OptionalLong keptFrom() {
    return stored <= keptBytes ? OptionalLong.empty() : OptionalLong.of(places.getFirst().passed());
  }

  /** Returns whether a byte of UTF-8 is the first of its character. */
  private static boolean beginsCharacter(byte first) {
    return (first & 0xC0) != 0x80;
  }

  /** Returns at least the room that the engine needs for a piece. */
  private static long storedBytes(byte[] bytes, int offset, int length) {
    long stored = ENTRY_BYTES;
    for (int index = offset; index < offset + length; index++) {
      stored += storedBytes(bytes[index]);
    }
    return stored;
  }

  private static int storedBytes(byte character) {
    return switch (character) {
      case '\n', '\r', '"', '\\' -> 2;
      case '<', '>', '&' -> NUMBERED_BYTES;
      // These bytes begin the three of U+FFFD, which stands for a byte that is no text, or of
      // U+2028. Both are written as a number.
      case (byte) 0xE2, (byte) 0xEF -> NUMBERED_BYTES - 2;
      default -> character >= 0 && character < ' ' ? NUMBERED_BYTES : 1;
    };
  }
}
