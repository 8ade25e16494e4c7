package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends a part of a file, piece by piece, as fast as the client takes them. {@link RequestWork}
 * reads each piece, so that the event loop never waits for a disk and a slow client holds no
 * thread. Not thread-safe: belongs to the server's event loop.
 */
final class FileSending {
  private static final int PIECE_BYTES = 256 << 10;

  private static final Logger log = LoggerFactory.getLogger(FileSending.class);

  private final RequestWork reads;
  private final HttpServerRequest request;
  private final HttpServerResponse response;
  private final FileChannel channel;
  private long position;
  private long left;
  private boolean reading;
  private boolean over;

  /**
   * @param channel the file, which is closed when everything is sent or the client is gone
   */
  FileSending(
      RequestWork reads, HttpServerRequest request, FileChannel channel, long offset, long length) {
    this.reads = reads;
    this.request = request;
    this.response = request.response();
    this.channel = channel;
    this.position = offset;
    this.left = length;
  }

  /** Begins to send. The response's head is complete and not yet sent. */
  void start() {
    response.closeHandler(gone -> end());
    response.exceptionHandler(failure -> end());
    next();
  }

  private void next() {
    if (over || reading) {
      return;
    }
    if (left == 0) {
      response.end();
      end();
      return;
    }
    reading = true;
    long from = position;
    int bytes = (int) Math.min(left, PIECE_BYTES);
    reads.run(() -> read(from, bytes), this::send, this::fail);
  }

  private Buffer read(long from, int bytes) {
    ByteBuffer piece = ByteBuffer.allocate(bytes);
    try {
      while (piece.hasRemaining()) {
        if (channel.read(piece, from + piece.position()) < 0) {
          throw new EOFException("the file became shorter while it was sent");
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Buffer.buffer(piece.array());
  }

  private void send(Buffer piece) {
    reading = false;
    if (over) {
      close();
      return;
    }
    position += piece.length();
    left -= piece.length();
    response.write(piece);
    if (response.writeQueueFull()) {
      response.drainHandler(drained -> next());
    } else {
      next();
    }
  }

  /**
   * Ends the connection after a failure. The head with the length was sent already, so only the end
   * of the connection tells the client.
   */
  private void fail(Throwable failure) {
    reading = false;
    log.warn("an artifact could not be read to its end", failure);
    request.connection().close();
    if (over) {
      close();
    } else {
      end();
    }
  }

  /**
   * Ends the sending. A channel that is being read is closed after the read, because closing it now
   * would wait.
   */
  private void end() {
    if (over) {
      return;
    }
    over = true;
    if (!reading) {
      close();
    }
  }

  private void close() {
    try {
      channel.close();
    } catch (IOException e) {
      log.warn("an artifact's file could not be closed", e);
    }
  }
}
