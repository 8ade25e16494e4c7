package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import java.util.Optional;
import java.util.stream.Collectors;

/** Reads the fields of requests. A wrong one is answered with 400, an unknown job with 404. */
final class RequestFields {
  private RequestFields() {}

  /** Returns the fields of a body that is a JSON object. */
  static Fields fields(Buffer body) {
    try {
      return new Fields(JsonReader.object(text(body)));
    } catch (MalformedJsonException e) {
      throw badRequest("body: " + e.reason());
    }
  }

  /** Returns a body as text. */
  static String text(Buffer body) {
    try {
      return JsonReader.text(body.getBytes());
    } catch (MalformedJsonException e) {
      throw badRequest("body: " + e.reason());
    }
  }

  /**
   * Returns the job that a body {@code {"job_id":"…"}} names. A text that is not a job id is
   * answered with 404.
   */
  static JobId namedJob(Buffer body) {
    return switch (fields(body).find("job_id")) {
      case Optional<JsonValue> value when value.isEmpty() ->
          throw badRequest("job_id: is required");
      case Optional<JsonValue> value when value.get() instanceof JsonValue.Text(String text) ->
          jobId(text);
      case Optional<JsonValue> value ->
          throw badRequest("job_id: must be text, was " + value.get().shown());
    };
  }

  /** Returns whether an optional field of a body is true. */
  static boolean isSet(Buffer body, String name) {
    return switch (fields(body).find(name)) {
      case Optional<JsonValue> value when value.isEmpty() -> false;
      case Optional<JsonValue> value when value.get() instanceof JsonValue.Bool(boolean set) -> set;
      case Optional<JsonValue> value ->
          throw badRequest(name + ": must be true or false, was " + value.get().shown());
    };
  }

  /** Returns the job with an id. A text that is not a job id is answered with 404. */
  static JobId jobId(String text) {
    return JobId.parse(text)
        .orElseThrow(
            () ->
                new RequestRefusedException(
                    RequestRefusedException.Kind.NOT_FOUND,
                    "job_id: there is no job " + Shown.quoted(text)));
  }

  /** Returns the text of a job's id that a query or a form has. A blank one counts as absent. */
  static String requiredId(String text) {
    if (text.isBlank()) {
      throw badRequest("job_id: is required");
    }
    return text.strip();
  }

  /** Checks that no field was wrong. */
  static void requireNoErrors(Fields fields) {
    if (!fields.errors().isEmpty()) {
      throw badRequest(
          fields.errors().stream().map(FieldError::toString).collect(Collectors.joining("; ")));
    }
  }

  /** Returns the refusal of a request that says something wrong. */
  static RequestRefusedException badRequest(String message) {
    return new RequestRefusedException(RequestRefusedException.Kind.BAD_REQUEST, message);
  }
}
