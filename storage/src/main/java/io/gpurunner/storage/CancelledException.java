package io.gpurunner.storage;

import java.io.IOException;

/** Thrown in the middle of a stream because the caller cancelled. */
final class CancelledException extends IOException {
  private static final long serialVersionUID = 1L;

  CancelledException() {
    super("cancelled");
  }
}
