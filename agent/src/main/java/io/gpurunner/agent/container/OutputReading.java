package io.gpurunner.agent.container;

import java.util.Optional;

/** A reading of a container's output, from its first piece on. For one thread, except for close. */
public interface OutputReading extends AutoCloseable {
  /**
   * Returns the next piece. If all were read and the reading follows the output, this waits for the
   * next one. Empty at the end: if the container has ended, and sometimes earlier, because engines
   * end a reading when they rotate their files or stop.
   *
   * @throws ContainerException if the engine fails, also if the reading is closed meanwhile
   */
  Optional<OutputPiece> next();

  /** Returns whether the next piece is here already, so that {@link #next} does not wait. */
  boolean hasMore();

  /** Ends the reading. Any thread may call it. A call of {@link #next} that waits then ends. */
  @Override
  void close();
}
