package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Answers requests of callers: verifies the token, reads the body, and does the work on a thread
 * that may block. Not thread-safe: belongs to the server's event loop.
 */
final class CallerRequests {
  private final Connections connections;
  private final TokenVerifier tokens;
  private final BodyReader bodies;
  private final RequestWork work;
  private final ErrorAnswers errors;

  /** Handles a caller's request with a body. May block. */
  @FunctionalInterface
  interface BodyWork {
    Answer answer(Caller caller, Buffer body);
  }

  /** Handles a caller's request. May block. */
  @FunctionalInterface
  interface CallerWork {
    Answer answer(Caller caller);
  }

  CallerRequests(
      Connections connections,
      TokenVerifier tokens,
      BodyReader bodies,
      RequestWork work,
      ErrorAnswers errors) {
    this.connections = connections;
    this.tokens = tokens;
    this.bodies = bodies;
    this.work = work;
    this.errors = errors;
  }

  /** Handles a request, on a thread for it. */
  void authenticated(HttpServerRequest request, CallerWork todo) {
    verified(request)
        .ifPresent(
            token ->
                answer(
                    request,
                    token.caller().user(),
                    () -> todo.answer(tokens.requireNotRevoked(token)),
                    () -> {}));
  }

  /**
   * Handles a request with a body. The token is checked first, so that the body of a request
   * without one is not kept.
   */
  void withBody(RoutingContext context, BodyWork todo) {
    HttpServerRequest request = context.request();
    verified(request)
        .ifPresent(
            token -> {
              ContentEncoding encoding =
                  ContentEncoding.of(request.headers().getAll(HttpHeaders.CONTENT_ENCODING));
              String user = token.caller().user();
              bodies.read(
                  request,
                  user,
                  body ->
                      answer(
                          request,
                          user,
                          () -> todo.answer(tokens.requireNotRevoked(token), encoding.decode(body)),
                          () -> bodies.release(user, body)),
                  refusal -> fail(request, refusal));
            });
  }

  /**
   * Handles a request on threads of another kind, and leaves it to the caller of this how to
   * answer.
   *
   * @param todo may block
   * @param send gets the result on the event loop, and answers
   */
  <T> void onThreadsOf(
      RequestWork threads, HttpServerRequest request, Function<Caller, T> todo, Consumer<T> send) {
    verified(request)
        .ifPresent(
            token ->
                threads.run(
                    token.caller().user(),
                    () -> todo.apply(tokens.requireNotRevoked(token)),
                    send,
                    failure -> fail(request, failure)));
  }

  /**
   * Lets administrators alone do something.
   *
   * @param todo is given what checks the caller, and calls it where it may block
   */
  void administered(HttpServerRequest request, Consumer<Runnable> todo) {
    verified(request)
        .ifPresent(token -> todo.accept(() -> requireAdmin(tokens.requireNotRevoked(token))));
  }

  /**
   * Answers administrators with more than all others. A wrong token is answered like none, and so
   * is every token while the register of tokens cannot be read: this answer must always come.
   *
   * @param less never blocks
   * @param more may block
   */
  void withMoreForAdmins(HttpServerRequest request, Supplier<Answer> less, Supplier<Answer> more) {
    Optional<TokenVerifier.Verified> admin = Optional.empty();
    try {
      admin =
          Optional.of(tokens.verify(request.headers().getAll(HttpHeaders.AUTHORIZATION)))
              .filter(verified -> verified.caller().admin());
    } catch (RequestRefusedException noToken) {
      // Most callers of this have none.
    }
    admin.ifPresentOrElse(
        token ->
            work.run(
                () -> {
                  tokens.requireNotRevoked(token);
                  return more.get();
                },
                answer -> answer.send(request),
                refused -> less.get().send(request)),
        () -> less.get().send(request));
  }

  /**
   * Checks that a caller is an administrator.
   *
   * @throws RequestRefusedException FORBIDDEN otherwise
   */
  static void requireAdmin(Caller caller) {
    if (!caller.admin()) {
      throw new RequestRefusedException(
          RequestRefusedException.Kind.FORBIDDEN,
          "only an admin's token may do this; see: gpurunner token create --admin");
    }
  }

  /** Verifies the token. The result is empty if the request was answered with a refusal. */
  private Optional<TokenVerifier.Verified> verified(HttpServerRequest request) {
    try {
      TokenVerifier.Verified token =
          tokens.verify(request.headers().getAll(HttpHeaders.AUTHORIZATION));
      connections.accepted(request.connection(), token.caller().user());
      return Optional.of(token);
    } catch (RequestRefusedException e) {
      fail(request, e);
      return Optional.empty();
    }
  }

  private void answer(
      HttpServerRequest request, String user, Supplier<Answer> todo, Runnable afterwards) {
    work.run(
        user,
        todo,
        answer -> {
          afterwards.run();
          answer.send(request);
        },
        failure -> {
          afterwards.run();
          fail(request, failure);
        });
  }

  /** Answers a request that failed. */
  void fail(HttpServerRequest request, Throwable failure) {
    errors.of(failure).send(request);
  }
}
