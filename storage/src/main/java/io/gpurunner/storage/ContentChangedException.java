package io.gpurunner.storage;

import java.io.IOException;

/** A file's bytes are not those that were measured, so what was announced cannot be delivered. */
final class ContentChangedException extends IOException {
  private static final long serialVersionUID = 1L;

  ContentChangedException(String message) {
    super(message);
  }
}
