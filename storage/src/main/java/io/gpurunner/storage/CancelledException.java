package io.gpurunner.storage;

import java.io.IOException;

/** Ends a stream in the middle because the caller cancelled. */
final class CancelledException extends IOException {
  private static final long serialVersionUID = 1L;

  CancelledException() {
    super("cancelled");
  }
}
