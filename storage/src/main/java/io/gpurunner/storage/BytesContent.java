package io.gpurunner.storage;

import java.io.ByteArrayInputStream;
import java.io.InputStream;

/** A small content that is held in memory. Immutable; callers must not change the array. */
final class BytesContent implements ArtifactContent {
  private final byte[] bytes;
  private final String mediaType;

  BytesContent(byte[] bytes, String mediaType) {
    this.bytes = bytes;
    this.mediaType = mediaType;
  }

  @Override
  public long lengthBytes() {
    return bytes.length;
  }

  @Override
  public String mediaType() {
    return mediaType;
  }

  @Override
  public InputStream open(long offset) {
    int from = Math.toIntExact(offset);
    return new ByteArrayInputStream(bytes, from, bytes.length - from);
  }
}
