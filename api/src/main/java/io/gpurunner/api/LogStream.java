package io.gpurunner.api;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.handler.timeout.IdleStateHandler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.impl.HttpServerConnection;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends a log to one client, as fast as the client takes it. Nothing is read ahead, so a slow
 * client costs no memory. Not thread-safe: belongs to the server's event loop.
 */
final class LogStream {
  /** The time without output after which events have a comment, so that proxies see life. */
  private static final Duration SIGN_AFTER = Duration.ofSeconds(15);

  /**
   * The size of one write. Each write that the client has taken shows that it reads, so a slow
   * client is not taken for one that has stopped.
   */
  private static final int WRITE_BYTES = 16 << 10;

  /**
   * What the kernel holds for a client. It would take megabytes else, and a slow client would be
   * seen to take nothing for a long time.
   */
  private static final int SEND_BUFFER_BYTES = 64 << 10;

  private static final Logger log = LoggerFactory.getLogger(LogStream.class);

  private final HttpServerRequest request;
  private final HttpServerResponse response;
  private final RequestWork files;
  private final Logs.Reading reading;
  private final LogForm form;
  private final Duration unreadLimit;
  private final Consumer<LogStream> ended;
  private Doing doing = Doing.WAITING;
  private long saidNanos = System.nanoTime();
  private long takenNanos = System.nanoTime();
  private int writes;

  /** What the stream does now. */
  private enum Doing {
    READING,
    /** The client has not yet taken what was sent. */
    SENDING,
    WAITING,
    OVER
  }

  /**
   * @param unreadLimit how long the client may take nothing of what was sent
   * @param ended is called when nothing more is sent
   */
  LogStream(
      HttpServerRequest request,
      RequestWork files,
      Logs.Reading reading,
      LogForm form,
      Duration unreadLimit,
      Consumer<LogStream> ended) {
    this.request = request;
    this.response = request.response();
    this.files = files;
    this.reading = reading;
    this.form = form;
    this.unreadLimit = unreadLimit;
    this.ended = ended;
  }

  /** Begins to send. The response's head is complete and not yet sent. */
  void start() {
    prepareConnection();
    response.closeHandler(_ -> over());
    response.exceptionHandler(_ -> over());
    response.write(Buffer.buffer()); // sends the head, also to a client of HTTP/1.0
    read();
  }

  /**
   * Takes the time limit from the connection: a job may be silent for hours, and text has no sign
   * of life. {@link #look} limits a client that takes nothing.
   */
  private void prepareConnection() {
    if (request.connection() instanceof HttpServerConnection connection) {
      Channel channel = connection.channelHandlerContext().channel();
      channel.config().setOption(ChannelOption.SO_SNDBUF, SEND_BUFFER_BYTES);
      if (channel.pipeline().get(IdleStateHandler.class) != null) {
        channel.pipeline().remove(IdleStateHandler.class);
      }
    }
  }

  /** Looks, and ends this stream alone if that fails. */
  void lookSafely() {
    try {
      look();
    } catch (RuntimeException e) {
      fail(e);
    }
  }

  /** Looks whether there is something to do. It is called every few milliseconds. */
  private void look() {
    if (writes > 0 && isOver(unreadLimit, takenNanos)) {
      cut();
    } else if (doing == Doing.WAITING) {
      if (reading.isReady()) {
        read();
      } else if (isOver(SIGN_AFTER, saidNanos)) {
        saidNanos = System.nanoTime();
        write(form.sign());
      }
    }
  }

  private static boolean isOver(Duration limit, long sinceNanos) {
    return System.nanoTime() - sinceNanos > limit.toNanos();
  }

  /** Ends the connection at once. What the client has not taken is dropped. */
  private void cut() {
    if (request.connection() instanceof HttpServerConnection connection) {
      // Vert.x would first wait for the client to take what was sent.
      ChannelFuture _ = connection.channelHandlerContext().channel().close();
    } else {
      request.connection().close();
    }
    over();
  }

  private void read() {
    doing = Doing.READING;
    files.run(reading::read, this::send, this::fail);
  }

  private void send(Logs.Batch batch) {
    if (doing == Doing.OVER) {
      return;
    }
    Buffer bytes = Buffer.buffer();
    batch.pieces().forEach(piece -> form.append(piece, bytes));
    switch (batch.next()) {
      case END -> sendAndThen(bytes, this::end);
      case READ -> sendAndThen(bytes, this::read);
      case WAIT -> sendAndThen(bytes, () -> doing = Doing.WAITING);
    }
  }

  private void sendAndThen(Buffer bytes, Runnable next) {
    write(bytes);
    if (response.writeQueueFull()) {
      doing = Doing.SENDING;
      response.drainHandler(
          _ -> {
            if (doing == Doing.SENDING) {
              next.run();
            }
          });
    } else {
      next.run();
    }
  }

  private void write(Buffer bytes) {
    for (int from = 0; from < bytes.length(); from += WRITE_BYTES) {
      began();
      response
          .write(bytes.slice(from, Math.min(bytes.length(), from + WRITE_BYTES)))
          .onSuccess(_ -> taken());
    }
  }

  private void began() {
    saidNanos = System.nanoTime();
    if (writes == 0) {
      takenNanos = saidNanos;
    }
    writes++;
  }

  private void taken() {
    takenNanos = System.nanoTime();
    writes--;
  }

  private void end() {
    doing = Doing.SENDING;
    began();
    response
        .end()
        .onComplete(
            _ -> {
              // Its time limit was taken from the connection, so no other request may use it.
              request.connection().close();
              over();
            });
  }

  /** Ends the connection after a failure, because the head was sent already. */
  private void fail(Throwable failure) {
    log.warn("a log could not be read to its end", failure);
    cut();
  }

  private void over() {
    if (doing != Doing.OVER) {
      doing = Doing.OVER;
      ended.accept(this);
    }
  }
}
