package io.gpurunner.api;

/**
 * A wrong field of a request.
 *
 * @param field the JSON key, or {@code body} for the whole body
 * @param message what is accepted and what was sent
 */
public record FieldError(String field, String message) {
  @Override
  public String toString() {
    return field + ": " + message;
  }
}
