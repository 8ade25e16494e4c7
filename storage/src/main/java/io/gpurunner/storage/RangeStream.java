package io.gpurunner.storage;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * Passes on an exact number of bytes of a stream. It fails if the stream ends early or the caller
 * cancelled. Every read checks that, so a cancelled transfer stops within one buffer.
 */
final class RangeStream extends FilterInputStream {
  private final Cancellation cancellation;
  private long remainingBytes;

  RangeStream(InputStream in, long lengthBytes, Cancellation cancellation) {
    super(in);
    this.remainingBytes = lengthBytes;
    this.cancellation = cancellation;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (cancellation.isCancelled()) {
      throw new CancelledException();
    }
    if (length == 0) {
      return 0;
    }
    if (remainingBytes == 0) {
      return -1;
    }
    int read = super.read(buffer, offset, (int) Math.min(length, remainingBytes));
    if (read < 0) {
      throw new ContentChangedException("ended " + remainingBytes + " bytes early");
    }
    remainingBytes -= read;
    return read;
  }

  @Override
  public long skip(long bytes) throws IOException {
    throw new IOException("skipping is not supported");
  }

  @Override
  public int available() throws IOException {
    return (int) Math.min(remainingBytes, super.available());
  }

  @Override
  public boolean markSupported() {
    return false;
  }
}
