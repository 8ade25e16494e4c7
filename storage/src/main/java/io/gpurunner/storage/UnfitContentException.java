package io.gpurunner.storage;

import java.io.IOException;

/** What a job wrote cannot be taken as it is; the message says why, and nobody else is to blame. */
final class UnfitContentException extends IOException {
  private static final long serialVersionUID = 1L;

  UnfitContentException(String message) {
    super(message);
  }
}
