package io.gpurunner.api;

import io.netty.channel.ChannelPipeline;
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

  /** How long a client may take nothing of what was sent. */
  private static final Duration STUCK_AFTER = Duration.ofMinutes(1);

  private static final Logger log = LoggerFactory.getLogger(LogStream.class);

  private final HttpServerRequest request;
  private final HttpServerResponse response;
  private final RequestWork files;
  private final Logs.Reading reading;
  private final LogForm form;
  private final Consumer<LogStream> ended;
  private Doing doing = Doing.WAITING;
  private long sinceNanos = System.nanoTime();

  /** What the stream does now. */
  private enum Doing {
    READING,
    /** The client has not yet taken what was sent. */
    SENDING,
    WAITING,
    OVER
  }

  LogStream(
      HttpServerRequest request,
      RequestWork files,
      Logs.Reading reading,
      LogForm form,
      Consumer<LogStream> ended) {
    this.request = request;
    this.response = request.response();
    this.files = files;
    this.reading = reading;
    this.form = form;
    this.ended = ended;
  }

  /** Begins to send. The response's head is complete and not yet sent. */
  void start() {
    mayBeSilent();
    response.closeHandler(_ -> over());
    response.exceptionHandler(_ -> over());
    response.write(Buffer.buffer()); // sends the head, also to a client of HTTP/1.0
    read();
  }

  /**
   * Takes the time limit from a connection on which nothing is sent: a job may be silent for hours,
   * and text has no sign of life. {@link #look} limits a client that takes nothing.
   */
  private void mayBeSilent() {
    if (request.connection() instanceof HttpServerConnection connection) {
      ChannelPipeline pipeline = connection.channelHandlerContext().pipeline();
      if (pipeline.get(IdleStateHandler.class) != null) {
        pipeline.remove(IdleStateHandler.class);
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
    switch (doing) {
      case WAITING -> {
        if (reading.isReady()) {
          read();
        } else if (isOlderThan(SIGN_AFTER)) {
          sinceNanos = System.nanoTime();
          send(form.sign());
        }
      }
      case SENDING -> {
        if (isOlderThan(STUCK_AFTER)) {
          request.connection().close();
        }
      }
      case READING, OVER -> {
        // Its end is heard of.
      }
    }
  }

  private boolean isOlderThan(Duration limit) {
    return System.nanoTime() - sinceNanos > limit.toNanos();
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
      case END -> {
        // Its time limit was taken from the connection, so no other request may use it.
        response.end(bytes).onComplete(_ -> request.connection().close());
        over();
      }
      case READ -> sendAndThen(bytes, this::read);
      case WAIT -> sendAndThen(bytes, () -> doing = Doing.WAITING);
    }
  }

  private void sendAndThen(Buffer bytes, Runnable next) {
    if (bytes.length() > 0) {
      sinceNanos = System.nanoTime();
    }
    send(bytes);
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

  private void send(Buffer bytes) {
    if (bytes.length() > 0) {
      response.write(bytes);
    }
  }

  /** Ends the connection after a failure, because the head was sent already. */
  private void fail(Throwable failure) {
    log.warn("a log could not be read to its end", failure);
    request.connection().close();
    over();
  }

  private void over() {
    if (doing != Doing.OVER) {
      doing = Doing.OVER;
      ended.accept(this);
    }
  }
}
