package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * {@code GET /api/userJob/:id/logs}: sends what a job printed, as plain text or as server-sent
 * events, and goes on while the job prints. Belongs to the server's event loop, except for {@link
 * #followers}.
 */
final class LogRoute {
  /** The largest number of logs that one user reads at a time. */
  static final int MOST_STREAMS_OF_A_USER = 50;

  /** The largest number of logs that are read at a time. */
  static final int MOST_STREAMS = 500;

  /** The time between two looks at what can be read. A line waits at most so long. */
  private static final int LOOK_MILLIS = 50;

  private final Logs logs;
  private final RequestWork files;
  private final ErrorAnswers errors;
  private final Clock clock;
  private final Duration unreadLimit;
  private final Set<LogStream> open = new LinkedHashSet<>();
  private final Map<String, Integer> ofUser = new HashMap<>();
  private final AtomicInteger followers = new AtomicInteger();

  /**
   * @param unreadLimit how long a client may take nothing of what was sent
   */
  LogRoute(
      Vertx vertx,
      Logs logs,
      RequestWork files,
      ErrorAnswers errors,
      Clock clock,
      Duration unreadLimit) {
    this.clock = clock;
    this.unreadLimit = unreadLimit;
    this.logs = logs;
    this.files = files;
    this.errors = errors;
    vertx.setPeriodic(LOOK_MILLIS, _ -> List.copyOf(open).forEach(LogStream::lookSafely));
  }

  /** Returns whether a client asks for server-sent events. */
  private static boolean wantsEvents(HttpServerRequest request) {
    return Optional.ofNullable(request.getHeader(HttpHeaders.ACCEPT))
        .filter(accepted -> accepted.contains("text/event-stream"))
        .isPresent();
  }

  /** A reading that is ready to be sent. */
  record Opened(Caller caller, LogQuery query, Logs.Reading reading) {
    private int followers() {
      return query.follow() ? 1 : 0;
    }
  }

  /** Opens a reading. May block. */
  Opened open(HttpServerRequest request, Caller caller, JobId id) {
    Optional<String> lastEventId = Optional.ofNullable(request.getHeader("Last-Event-ID"));
    LogQuery query = LogQuery.of(request.params(), lastEventId, clock);
    return new Opened(caller, query, logs.open(caller, id, query));
  }

  /** Sends the reading, or why it cannot be sent. */
  void send(HttpServerRequest request, Opened opened) {
    Caller caller = opened.caller();
    int own = ofUser.getOrDefault(caller.user(), 0);
    if (own >= MOST_STREAMS_OF_A_USER) {
      refuse(
          request,
          RequestRefusedException.Kind.TOO_MANY,
          "%s already reads %d logs; more are not allowed at the same time, so close one of them"
              .formatted(caller.user(), own));
    } else if (open.size() >= MOST_STREAMS) {
      refuse(
          request,
          RequestRefusedException.Kind.UNAVAILABLE,
          "%d logs are read already; more are not allowed at the same time, so try again"
              .formatted(MOST_STREAMS));
    } else if (!request.response().closed()) {
      begin(request, opened);
    }
  }

  private void refuse(HttpServerRequest request, RequestRefusedException.Kind kind, String why) {
    errors.of(new RequestRefusedException(kind, why, ApiLimits.STREAM_RETRY_AFTER)).send(request);
  }

  private void begin(HttpServerRequest request, Opened opened) {
    LogForm form =
        wantsEvents(request) ? new LogForm.Events() : new LogForm.Text(opened.query().follow());
    request
        .response()
        .putHeader(HttpHeaders.CONTENT_TYPE, form.contentType())
        .putHeader(HttpHeaders.CACHE_CONTROL, "no-store")
        // A job wrote it, so a browser must not show it as a page of this server.
        .putHeader("X-Content-Type-Options", "nosniff")
        .putHeader("X-Accel-Buffering", "no") // or nginx waits for more
        .putHeader(HttpHeaders.CONNECTION, "close"); // its time limit was taken from it
    if (request.method().equals(HttpMethod.HEAD)) {
      request.response().end();
      return;
    }
    request.response().setChunked(true);
    LogStream stream =
        new LogStream(
            request, files, opened.reading(), form, unreadLimit, ended -> end(ended, opened));
    open.add(stream);
    ofUser.merge(opened.caller().user(), 1, Integer::sum);
    followers.addAndGet(opened.followers());
    stream.start();
  }

  private void end(LogStream stream, Opened opened) {
    if (open.remove(stream)) {
      ofUser.computeIfPresent(opened.caller().user(), (_, count) -> count == 1 ? null : count - 1);
      followers.addAndGet(-opened.followers());
    }
  }

  /** Returns how many clients follow a log now. Any thread may call this. */
  int followers() {
    return followers.get();
  }
}
