package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * A stream of server-sent events to one client (HTML standard, section 9.2). While the client does
 * not read, events are held back up to a limit; beyond it, the stream ends with an event that says
 * so. A source that can wait asks {@link #isFull} instead, and goes on when there is room. Belongs
 * to the server's event loop.
 */
final class EventStream {
  private static final CharSequence TYPE = HttpHeaders.createOptimized("text/event-stream");
  private static final Buffer COMMENT = Buffer.buffer(":\n\n");

  private final HttpServerRequest request;
  private final HttpServerResponse response;
  private final Caller caller;
  private final Deque<Buffer> held = new ArrayDeque<>();
  private final List<Runnable> closeHandlers = new ArrayList<>();
  private final List<Runnable> beatHandlers = new ArrayList<>();
  private Runnable whenRoom = () -> {};
  private long heldBytes;
  private boolean closed;

  /** It is opened by {@link EventStreams}, which count it. */
  EventStream(HttpServerRequest request, Caller caller) {
    this.request = request;
    this.response = request.response();
    this.caller = caller;
  }

  Caller caller() {
    return caller;
  }

  /** Sends the head of the answer, and a comment, so that the client sees that it is open. */
  void begin() {
    response.closeHandler(_ -> close());
    response.exceptionHandler(_ -> close());
    if (response.closed() || response.ended()) {
      close();
      return;
    }
    response
        .putHeader(HttpHeaders.CONTENT_TYPE, TYPE)
        .putHeader(HttpHeaders.CACHE_CONTROL, "no-store")
        // A proxy that collects an answer would hold the events back.
        .putHeader("X-Accel-Buffering", "no")
        .setChunked(true)
        .drainHandler(_ -> drained());
    response.write(COMMENT);
  }

  /** Runs when the stream is closed, by whichever side. */
  void onClose(Runnable handler) {
    if (closed) {
      handler.run();
    } else {
      closeHandlers.add(handler);
    }
  }

  /** Runs now and then while the stream is open. */
  void onBeat(Runnable handler) {
    beatHandlers.add(handler);
  }

  /** Runs each time when the client has read so much that there is room again. */
  void onRoom(Runnable handler) {
    whenRoom = handler;
  }

  /** Returns whether the client is behind, so that what is sent now is held back. */
  boolean isFull() {
    return !held.isEmpty() || response.writeQueueFull();
  }

  /** Returns whether nothing can be sent any more. */
  boolean isClosed() {
    return closed;
  }

  /** Returns an event as it is sent. It may be sent to any number of streams. */
  static Buffer event(String name, Optional<String> id, JsonObject data) {
    // The text of a JSON object has no line breaks.
    return Buffer.buffer(
        id.map(text -> "id: " + text + "\n").orElse("")
            + "event: "
            + name
            + "\ndata: "
            + data.encode()
            + "\n\n");
  }

  /** Sends an event, or holds it back. If too much is held back, the stream ends. */
  void send(Buffer event) {
    if (closed) {
      return;
    }
    if (!isFull()) {
      response.write(event);
      return;
    }
    if (heldBytes + event.length() > ApiLimits.MAX_HELD_EVENT_BYTES) {
      endBehind();
      return;
    }
    heldBytes += event.length();
    held.add(event);
  }

  private void drained() {
    while (!held.isEmpty() && !response.writeQueueFull() && !closed) {
      Buffer next = held.remove();
      heldBytes -= next.length();
      response.write(next);
    }
    if (!closed && !isFull()) {
      whenRoom.run();
    }
  }

  /** Shows the client, and all between, that the stream is alive. */
  void beat() {
    List.copyOf(beatHandlers).forEach(Runnable::run);
    if (!closed && !isFull()) {
      response.write(COMMENT);
    }
  }

  /** Ends a stream that has missed events. */
  void endBehind() {
    end("the client reads too slowly, so events are missing; connect again and ask for the list");
  }

  /** Ends the stream with an event that says why. What is held back is not sent. */
  void end(String reason) {
    end(event("end", Optional.empty(), new JsonObject().put("reason", reason)));
  }

  /** Ends the stream with a last event. What is held back is not sent. */
  void end(Buffer last) {
    if (closed) {
      return;
    }
    close();
    response
        .end(last)
        // The connection is not used again: a client that does not read would keep it.
        .onComplete(_ -> request.connection().close());
  }

  private void close() {
    if (closed) {
      return;
    }
    closed = true;
    held.clear();
    heldBytes = 0;
    List.copyOf(closeHandlers).forEach(Runnable::run);
  }
}
