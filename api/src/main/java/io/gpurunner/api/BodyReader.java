package io.gpurunner.api;

import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Reads whole request bodies. Their size, their time and their memory are limited, for all users
 * and for each. Vert.x Web's own body handler is not used: it parses bodies by their Content-Type,
 * and here every body is JSON. Not thread-safe: belongs to the server's event loop.
 */
final class BodyReader {
  private static final String CONTINUE = "100-continue";

  private final Vertx vertx;
  private final Duration wait;
  private final Map<String, Long> ofUsers = new HashMap<>();
  private long bufferedBytes;

  BodyReader(Vertx vertx, Duration wait) {
    this.vertx = vertx;
    this.wait = wait;
  }

  /**
   * Reads the body of a user's request. Calls exactly one of the two handlers, or neither if the
   * client goes away.
   *
   * @param whole takes the body, which counts as held in memory until {@link #release}
   */
  void read(
      HttpServerRequest request,
      String user,
      Consumer<Buffer> whole,
      Consumer<RequestRefusedException> refused) {
    if (declaredBytes(request) > ApiLimits.MAX_BODY_BYTES) {
      refused.accept(tooLarge());
      return;
    }
    new Reading(request, user, whole, refused).start();
  }

  /** Releases a body. It is called once for every body that was passed to a handler. */
  void release(String user, Buffer body) {
    bufferedBytes -= body.length();
    long left = bytesOf(user) - body.length();
    if (left == 0) {
      ofUsers.remove(user);
    } else {
      ofUsers.put(user, left);
    }
  }

  private long bytesOf(String user) {
    return ofUsers.getOrDefault(user, 0L);
  }

  private static long declaredBytes(HttpServerRequest request) {
    String declared = request.getHeader(HttpHeaders.CONTENT_LENGTH);
    try {
      return declared == null ? 0 : Long.parseLong(declared);
    } catch (NumberFormatException e) {
      // The HTTP decoder lets only digits through, so the number is too large for a long.
      return Long.MAX_VALUE;
    }
  }

  static RequestRefusedException tooLarge() {
    return new RequestRefusedException(
        RequestRefusedException.Kind.TOO_LARGE,
        "body: must be at most %d bytes, was more".formatted(ApiLimits.MAX_BODY_BYTES));
  }

  private final class Reading {
    private final HttpServerRequest request;
    private final String user;
    private final Consumer<Buffer> whole;
    private final Consumer<RequestRefusedException> refused;
    private final Buffer body = Buffer.buffer();
    private long timer;
    private boolean over;

    Reading(
        HttpServerRequest request,
        String user,
        Consumer<Buffer> whole,
        Consumer<RequestRefusedException> refused) {
      this.request = request;
      this.user = user;
      this.whole = whole;
      this.refused = refused;
    }

    void start() {
      timer = vertx.setTimer(wait.toMillis(), id -> timedOut());
      request.handler(this::arrived);
      request.endHandler(end -> ended());
      request.exceptionHandler(failure -> lost());
      if (CONTINUE.equalsIgnoreCase(request.getHeader(HttpHeaders.EXPECT))
          && request.version() != HttpVersion.HTTP_1_0) {
        request.response().writeContinue();
      }
    }

    private void arrived(Buffer part) {
      if (over) {
        return;
      }
      if (body.length() + (long) part.length() > ApiLimits.MAX_BODY_BYTES) {
        refuse(tooLarge());
      } else if (bufferedBytes + part.length() > ApiLimits.MAX_BUFFERED_BODY_BYTES) {
        refuse(
            new RequestRefusedException(
                RequestRefusedException.Kind.UNAVAILABLE,
                "too many large requests at once; try again"));
      } else if (bytesOf(user) + part.length() > ApiLimits.MAX_BUFFERED_BODY_BYTES_OF_A_USER) {
        refuse(
            new RequestRefusedException(
                RequestRefusedException.Kind.TOO_MANY,
                "%s sends too many large requests at once; try again".formatted(user),
                ApiLimits.RETRY_AFTER));
      } else {
        bufferedBytes += part.length();
        ofUsers.merge(user, (long) part.length(), Long::sum);
        body.appendBuffer(part);
      }
    }

    private void ended() {
      if (finish()) {
        whole.accept(body);
      }
    }

    private void timedOut() {
      refuse(
          new RequestRefusedException(
              RequestRefusedException.Kind.TIMED_OUT,
              "body: must arrive within %d ms, did not".formatted(wait.toMillis())));
    }

    private void refuse(RequestRefusedException refusal) {
      if (finish()) {
        release(user, body);
        refused.accept(refusal);
      }
    }

    private void lost() {
      if (finish()) {
        release(user, body);
      }
    }

    private boolean finish() {
      boolean first = !over;
      over = true;
      vertx.cancelTimer(timer);
      return first;
    }
  }
}
