package io.gpurunner.agent.cli.top;

/** How large a terminal is. */
record Size(int rows, int columns) {
  /** The size that is assumed where nothing tells it. */
  static final Size USUAL = new Size(24, 80);
}
