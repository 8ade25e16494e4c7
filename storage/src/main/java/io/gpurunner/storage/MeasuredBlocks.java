package io.gpurunner.storage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.zip.CRC32C;

/**
 * Reads a file block by block and passes on only blocks with the measured fingerprint. So what is
 * published is what its manifest says, from any offset.
 */
final class MeasuredBlocks extends InputStream {
  static final int BLOCK_BYTES = 1 << 20;

  private final ModelFile file;
  private final SeekableByteChannel channel;
  private final byte[] block;
  private long position;
  private long blockStart;
  private int blockLength;

  MeasuredBlocks(ModelFile file, SeekableByteChannel channel, long offset) {
    this.file = file;
    this.channel = channel;
    this.position = offset;
    this.block = new byte[(int) Math.min(BLOCK_BYTES, file.bytes())];
  }

  /** Returns the fingerprint of a block's bytes. */
  static int fingerprint(byte[] bytes, int length) {
    CRC32C sum = new CRC32C();
    sum.update(bytes, 0, length);
    return (int) sum.getValue();
  }

  /** Fills the buffer with what is left of the file. */
  static int fill(SeekableByteChannel channel, byte[] buffer) throws IOException {
    ByteBuffer target = ByteBuffer.wrap(buffer);
    while (target.hasRemaining() && channel.read(target) >= 0) {
      // There is more to read.
    }
    return target.position();
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (position >= file.bytes()) {
      return -1;
    }
    if (position >= blockStart + blockLength) {
      load();
    }
    int from = (int) (position - blockStart);
    int count = Math.min(length, blockLength - from);
    System.arraycopy(block, from, buffer, offset, count);
    position += count;
    return count;
  }

  private void load() throws IOException {
    int index = (int) (position / BLOCK_BYTES);
    blockStart = (long) index * BLOCK_BYTES;
    channel.position(blockStart);
    blockLength = fill(channel, block);
    long expectedLength = Math.min(BLOCK_BYTES, file.bytes() - blockStart);
    if (blockLength != expectedLength
        || channel.size() != file.bytes()
        || fingerprint(block, blockLength) != file.fingerprints().get(index)) {
      throw new ContentChangedException(
          "%s changed while it was being published".formatted(file.name()));
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
