package io.gpurunner.api;

import io.vertx.core.json.JsonObject;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns every failure into an answer. It is the one place that knows status codes. Thread-safe. */
final class ErrorAnswers {
  private static final Logger log = LoggerFactory.getLogger(ErrorAnswers.class);

  private static final int INTERNAL_ERROR = 501; // as the published guide has it

  private final Clock clock;

  ErrorAnswers(Clock clock) {
    this.clock = clock;
  }

  Answer of(Throwable failure) {
    return of(failure, Map.of());
  }

  /**
   * @param headers further headers, such as {@code Allow}
   */
  Answer of(Throwable failure, Map<String, String> headers) {
    if (failure instanceof RequestRefusedException refusal) {
      return refused(refusal, headers);
    }
    String reference = UUID.randomUUID().toString();
    log.error("internal error, reference {}", reference, failure);
    return answer(
        INTERNAL_ERROR,
        headers,
        "internal error; the agent's log has the details under reference " + reference);
  }

  private Answer refused(RequestRefusedException refusal, Map<String, String> headers) {
    Map<String, String> all = new LinkedHashMap<>(headers);
    refusal
        .retryAfter()
        .ifPresent(wait -> all.put("Retry-After", Long.toString(Math.max(1, wait.toSeconds()))));
    if (refusal.kind() == RequestRefusedException.Kind.UNAUTHORIZED) {
      all.put("WWW-Authenticate", "Bearer");
    }
    if (refusal.kind() == RequestRefusedException.Kind.UNAVAILABLE) {
      all.putIfAbsent("Retry-After", Long.toString(ApiLimits.RETRY_AFTER.toSeconds()));
    }
    return answer(status(refusal.kind()), all, refusal.getMessage());
  }

  /** Returns the fields that every error body has. */
  JsonObject body(int status, String message) {
    return new JsonObject()
        .put("status", status)
        .put("timestamp", clock.millis())
        .put("message", message);
  }

  private Answer answer(int status, Map<String, String> headers, String message) {
    return new Answer(status, headers, body(status, message).toBuffer());
  }

  static int status(RequestRefusedException.Kind kind) {
    return switch (kind) {
      case BAD_REQUEST -> 400;
      case UNAUTHORIZED -> 401;
      case FORBIDDEN -> 403;
      case NOT_FOUND -> 404;
      case METHOD_NOT_ALLOWED -> 405;
      case TIMED_OUT -> 408;
      case CONFLICT -> 409;
      case TOO_LARGE -> 413;
      case URI_TOO_LONG -> 414;
      case UNSUPPORTED_ENCODING -> 415;
      case RANGE_NOT_SATISFIABLE -> 416;
      case TOO_MANY -> 429;
      case HEADERS_TOO_LARGE -> 431;
      case UNAVAILABLE -> 503;
    };
  }
}
