package io.gpurunner.api;

import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * {@code GET /api/events}: reports every change of his jobs to a user, and every change of all jobs
 * and of the GPUs to an admin. A stream ends when its token does. Belongs to the server's event
 * loop.
 */
final class EventsRoute {
  private final Vertx vertx;
  private final Events events;
  private final EventStreams streams;
  private final Connections connections;
  private final TokenVerifier tokens;
  private final RequestWork work;
  private final ErrorAnswers errors;
  private final Set<EventStream> listening = new LinkedHashSet<>();
  private Runnable endListening = () -> {};

  /** Events on their way to the event loop. Used by all threads, as is what follows. */
  private final AtomicInteger onTheirWay = new AtomicInteger();

  /** There were too many events on their way, so that some are missing. */
  private final AtomicBoolean missed = new AtomicBoolean();

  EventsRoute(
      Vertx vertx,
      Events events,
      EventStreams streams,
      Connections connections,
      TokenVerifier tokens,
      RequestWork work,
      ErrorAnswers errors) {
    this.vertx = vertx;
    this.events = events;
    this.streams = streams;
    this.connections = connections;
    this.tokens = tokens;
    this.work = work;
    this.errors = errors;
  }

  void handle(RoutingContext context) {
    HttpServerRequest request = context.request();
    TokenVerifier.Verified token;
    try {
      token = verify(request);
      connections.accepted(request.connection(), token.caller().user());
    } catch (RequestRefusedException e) {
      errors.of(e).send(request);
      return;
    }
    work.run(
        token.caller().user(),
        () -> tokens.requireNotRevoked(token),
        caller -> answer(request, caller),
        failure -> errors.of(failure).send(request));
  }

  private TokenVerifier.Verified verify(HttpServerRequest request) {
    return tokens.verify(request.headers().getAll(HttpHeaders.AUTHORIZATION));
  }

  private void answer(HttpServerRequest request, Caller caller) {
    if (request.method().equals(HttpMethod.HEAD)) {
      request.response().putHeader(HttpHeaders.CONTENT_TYPE, "text/event-stream").end();
      return;
    }
    try {
      open(request, caller);
    } catch (RequestRefusedException e) {
      errors.of(e).send(request);
    }
  }

  private void open(HttpServerRequest request, Caller caller) {
    EventStream stream = streams.open(request, caller);
    listening.add(stream);
    if (listening.size() == 1) {
      Context loop = vertx.getOrCreateContext();
      endListening = events.listen(event -> passOn(loop, event));
    }
    stream.onBeat(() -> checkToken(request, stream));
    stream.onClose(() -> closed(stream));
    stream.begin();
  }

  private void closed(EventStream stream) {
    listening.remove(stream);
    if (listening.isEmpty()) {
      endListening.run();
      endListening = () -> {};
    }
  }

  /** Ends a stream whose token has expired or was revoked. */
  private void checkToken(HttpServerRequest request, EventStream stream) {
    try {
      TokenVerifier.Verified token = verify(request);
      work.run(
          () -> tokens.requireNotRevoked(token),
          _ -> {},
          failure -> {
            if (failure instanceof RequestRefusedException refusal) {
              endWhereUnauthorized(stream, refusal);
            }
          });
    } catch (RequestRefusedException refusal) {
      endWhereUnauthorized(stream, refusal);
    }
  }

  private static void endWhereUnauthorized(EventStream stream, RequestRefusedException refusal) {
    // If the register cannot be read now, the next look decides.
    if (refusal.kind() == RequestRefusedException.Kind.UNAUTHORIZED) {
      stream.end(refusal.getMessage());
    }
  }

  /** Brings an event to the event loop. Runs on any thread, and never waits. */
  private void passOn(Context loop, MachineEvent event) {
    if (onTheirWay.incrementAndGet() > ApiLimits.MAX_EVENTS_ON_THEIR_WAY) {
      onTheirWay.decrementAndGet();
      missed.set(true);
      return;
    }
    loop.runOnContext(
        _ -> {
          onTheirWay.decrementAndGet();
          deliver(event);
        });
  }

  private void deliver(MachineEvent event) {
    List<EventStream> all = List.copyOf(listening);
    if (missed.getAndSet(false)) {
      all.forEach(EventStream::endBehind);
      return;
    }
    Buffer text = text(event);
    all.stream()
        .filter(stream -> maySee(stream.caller(), event))
        .forEach(stream -> stream.send(text));
  }

  private static boolean maySee(Caller caller, MachineEvent event) {
    return caller.admin()
        || switch (event) {
          case MachineEvent.JobChanged job -> job.user().equals(caller.user());
          case MachineEvent.GpuChanged _ -> false;
        };
  }

  private static Buffer text(MachineEvent event) {
    return switch (event) {
      case MachineEvent.JobChanged job -> EventStream.event("job", Optional.empty(), json(job));
      case MachineEvent.GpuChanged gpu -> EventStream.event("gpu", Optional.empty(), json(gpu));
    };
  }

  private static JsonObject json(MachineEvent.JobChanged job) {
    JsonObject json = JobJson.created(job.job()).put("user", job.user()).put("state", job.state());
    job.reason().ifPresent(reason -> json.put("reason", reason));
    return json.put("at", job.at().toString());
  }

  private static JsonObject json(MachineEvent.GpuChanged gpu) {
    JsonObject json = new JsonObject().put("uuid", gpu.uuid());
    gpu.index().ifPresent(index -> json.put("index", index));
    json.put("state", gpu.state().map(GpuReport.State::word).orElse("gone"));
    gpu.reason().ifPresent(reason -> json.put("reason", reason));
    gpu.suspicion().ifPresent(sign -> json.put("suspect", sign));
    return json.put("at", gpu.at().toString());
  }
}
