package io.gpurunner.storage;

import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An object as a store has it. Immutable.
 *
 * @param bytes its size
 * @param content its bytes, read-only; empty if it is longer than the caller wants to read
 */
public record StoredObject(long bytes, Optional<ByteBuffer> content) {
  public StoredObject {
    content = content.map(ByteBuffer::asReadOnlyBuffer);
  }

  static StoredObject ofContent(byte[] content) {
    return new StoredObject(content.length, Optional.of(ByteBuffer.wrap(content)));
  }

  static StoredObject ofSize(long bytes) {
    return new StoredObject(bytes, Optional.empty());
  }
}
