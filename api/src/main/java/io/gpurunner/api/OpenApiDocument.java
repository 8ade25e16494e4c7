package io.gpurunner.api;

import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;

/**
 * {@code GET /api/openapi.json}: the description of the whole API. It is a resource that is written
 * by hand. Tests compare it with the routes, and with each request and answer of theirs.
 */
final class OpenApiDocument {
  private static final String RESOURCE = "openapi.json";

  private OpenApiDocument() {}

  /** Returns the answer, which is always the same. */
  static Answer read() {
    try (InputStream in = OpenApiDocument.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException("the class path lacks " + RESOURCE);
      }
      return new Answer(200, Map.of(), Buffer.buffer(in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
