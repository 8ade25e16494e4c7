package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * Bytes of known length that can be produced more than once and from any offset, so that a store
 * sends them in parallel parts, and a failed part again, without keeping any of them in memory.
 * Thread-safe.
 */
public interface ArtifactContent {
  /** How many bytes there are. */
  long lengthBytes();

  /** The media type, {@code application/zip} say. */
  String mediaType();

  /**
   * Opens the bytes from an offset on: the same ones at every call.
   *
   * @param offset 0 to {@link #lengthBytes}
   * @throws IOException also where the bytes cannot be had any more as they were announced
   */
  InputStream open(long offset) throws IOException;

  /** Writes all bytes. The caller closes the stream. */
  default void writeTo(OutputStream out) throws IOException {
    try (InputStream in = open(0)) {
      in.transferTo(out);
    }
  }
}
