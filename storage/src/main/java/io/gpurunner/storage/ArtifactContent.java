package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * Bytes of known length that can be read more than once and from any offset. So a store can send
 * them in parallel parts, and send a failed part again, without keeping them in memory.
 * Thread-safe.
 */
public interface ArtifactContent {
  /** Returns the number of bytes. */
  long lengthBytes();

  /** Returns the media type, for example {@code application/zip}. */
  String mediaType();

  /**
   * Opens the bytes from an offset on. Every call gives the same bytes.
   *
   * @param offset 0 to {@link #lengthBytes}
   * @throws IOException also if the bytes are no longer those that were announced
   */
  InputStream open(long offset) throws IOException;

  /** Writes all bytes. The caller closes the stream. */
  default void writeTo(OutputStream out) throws IOException {
    try (InputStream in = open(0)) {
      in.transferTo(out);
    }
  }
}
