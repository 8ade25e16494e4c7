package io.gpurunner.agent.container;

import java.time.Instant;

/**
 * A piece of a container's output, as the engine logged it: one line with its newline, or a part of
 * a line that is longer than the engine's buffer (16 KiB). Immutable: the bytes are not copied, and
 * nobody changes them.
 */
public final class OutputPiece {
  /** The streams that a container writes to. */
  public enum Stream {
    STDOUT("stdout"),
    STDERR("stderr");

    private final String word;

    Stream(String word) {
      this.word = word;
    }

    /** Returns the stream's name, as users write it. */
    public String word() {
      return word;
    }
  }

  private final Instant at;
  private final Stream stream;
  private final byte[] bytes;

  /**
   * @param at when the engine read the piece; the parts of one line have the same time
   */
  public OutputPiece(Instant at, Stream stream, byte[] bytes) {
    this.at = at;
    this.stream = stream;
    this.bytes = bytes;
  }

  public Instant at() {
    return at;
  }

  public Stream stream() {
    return stream;
  }

  /** Returns the piece's own bytes. */
  public byte[] bytes() {
    return bytes;
  }
}
