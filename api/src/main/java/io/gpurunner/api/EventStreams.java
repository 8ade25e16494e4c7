package io.gpurunner.api;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The open streams of server-sent events. They are limited in number, and a comment is sent to each
 * of them now and then, so that nothing between the client and the agent takes it for dead. Belongs
 * to the server's event loop, except for {@link #stop}.
 */
final class EventStreams {
  private final Vertx vertx;
  private final Duration heartbeat;
  private final Set<EventStream> open = new LinkedHashSet<>();
  private final Map<String, Integer> ofUsers = new HashMap<>();
  private long timer;
  private boolean stopping;

  /** The server's event loop; empty until a stream was opened. */
  private volatile Optional<Context> loop = Optional.empty();

  EventStreams(Vertx vertx) {
    this(vertx, ApiLimits.EVENT_HEARTBEAT);
  }

  EventStreams(Vertx vertx, Duration heartbeat) {
    this.vertx = vertx;
    this.heartbeat = heartbeat;
  }

  /**
   * Opens a stream, which is open until one side closes it. The caller begins it once its source is
   * ready, so that nothing is missing after its beginning.
   *
   * @throws RequestRefusedException TOO_MANY or UNAVAILABLE if there are too many streams
   */
  EventStream open(HttpServerRequest request, Caller caller) {
    refuseWhereTooMany(caller);
    EventStream stream = new EventStream(request, caller);
    if (open.isEmpty()) {
      timer = vertx.setPeriodic(heartbeat.toMillis(), _ -> beat());
    }
    loop = Optional.of(vertx.getOrCreateContext());
    open.add(stream);
    ofUsers.merge(caller.user(), 1, Integer::sum);
    stream.onClose(() -> closed(stream));
    return stream;
  }

  private void refuseWhereTooMany(Caller caller) {
    if (stopping) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE, "the agent stops; try again");
    }
    if (ofUsers.getOrDefault(caller.user(), 0) >= ApiLimits.MAX_EVENT_STREAMS_OF_A_USER) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.TOO_MANY,
          "%s has %d streams open, the most at a time; close one"
              .formatted(caller.user(), ApiLimits.MAX_EVENT_STREAMS_OF_A_USER),
          ApiLimits.STREAM_RETRY_AFTER);
    }
    if (open.size() >= ApiLimits.MAX_EVENT_STREAMS) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.UNAVAILABLE,
          "%d streams are open, the most at a time; try again"
              .formatted(ApiLimits.MAX_EVENT_STREAMS),
          ApiLimits.STREAM_RETRY_AFTER);
    }
  }

  private void closed(EventStream stream) {
    if (open.remove(stream)) {
      ofUsers.computeIfPresent(stream.caller().user(), (_, count) -> count > 1 ? count - 1 : null);
      if (open.isEmpty()) {
        vertx.cancelTimer(timer);
      }
    }
  }

  private void beat() {
    List.copyOf(open).forEach(EventStream::beat);
  }

  /** Ends all streams, and opens no more. It may be called on any thread. */
  Future<Void> stop() {
    Optional<Context> known = loop;
    if (known.isEmpty()) {
      return Future.succeededFuture();
    }
    Promise<Void> done = Promise.promise();
    known
        .get()
        .runOnContext(
            _ -> {
              stopping = true;
              List.copyOf(open).forEach(stream -> stream.end("the agent stops; connect again"));
              done.complete();
            });
    return done.future();
  }
}
