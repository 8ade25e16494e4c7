package io.gpurunner.agent.ledger;

import java.io.IOException;

/**
 * The disk did not take what was written. What the file shows afterwards is what the system
 * remembers, and need not be what the disk holds, even where a later sync passes.
 */
final class SyncFailedException extends IOException {
  private static final long serialVersionUID = 1L;

  SyncFailedException(IOException cause) {
    super(cause.getMessage(), cause);
  }

  /** Whether one is behind a failure. */
  static boolean isBehind(Throwable failure) {
    for (Throwable e = failure; e != null; e = e.getCause()) {
      if (e instanceof SyncFailedException) {
        return true;
      }
    }
    return false;
  }
}
