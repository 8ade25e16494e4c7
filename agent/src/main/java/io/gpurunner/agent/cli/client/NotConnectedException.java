package io.gpurunner.agent.cli.client;

import java.io.IOException;

/** A connection could not be opened, so nothing was sent. */
final class NotConnectedException extends IOException {
  private static final long serialVersionUID = 1L;

  private final IOException why;

  NotConnectedException(IOException why) {
    super(why.getMessage(), why);
    this.why = why;
  }

  /** Returns what Java says about it. */
  IOException why() {
    return why;
  }
}
