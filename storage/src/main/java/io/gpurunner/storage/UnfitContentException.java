package io.gpurunner.storage;

import java.io.IOException;

/**
 * The files of a job cannot be taken as they are. The message says why; only the job is to blame.
 */
final class UnfitContentException extends IOException {
  private static final long serialVersionUID = 1L;

  UnfitContentException(String message) {
    super(message);
  }
}
