package io.gpurunner.storage;

import java.io.IOException;
import java.io.OutputStream;

/** Bytes of known length that can be produced more than once (a part that failed is sent again). */
public interface ArtifactContent {
  /** How many bytes {@link #writeTo} writes. */
  long lengthBytes();

  /** The media type, {@code application/zip} say. */
  String mediaType();

  /** Writes all bytes, the same at every call. The caller closes the stream. */
  void writeTo(OutputStream out) throws IOException;
}
