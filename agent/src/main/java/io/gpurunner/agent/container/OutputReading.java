package io.gpurunner.agent.container;

import java.util.Optional;

/** A reading of a container's output, from its first piece on. For one thread, except for close. */
public interface OutputReading extends AutoCloseable {
  /**
   * Returns the next piece. If all were read and the reading follows the output, this waits for the
   * next one. Empty at the end: if the container has ended, and sometimes earlier, because engines
   * end a reading when they rotate their files or stop.
   *
   * @throws ContainerException ABSENT if there is no such container; other kinds if the engine
   *     fails, also if the reading is closed meanwhile
   */
  Optional<OutputPiece> next();

  /**
   * Takes pieces.
   *
   * @param <E> what can fail
   */
  @FunctionalInterface
  interface Taker<E extends Exception> {
    /** Takes a piece. Returns whether it wants the next one. */
    boolean take(OutputPiece piece) throws E;
  }

  /**
   * Gives one piece after another to a taker, until the reading ends or the taker wants no more.
   *
   * @throws ContainerException as {@link #next} does
   */
  default <E extends Exception> void giveTo(Taker<E> taker) throws E {
    Optional<OutputPiece> piece = next();
    while (piece.isPresent() && taker.take(piece.get())) {
      piece = next();
    }
  }

  /** Returns whether the next piece is here already, so that {@link #next} does not wait. */
  boolean hasMore();

  /** Ends the reading. Any thread may call it. A call of {@link #next} that waits then ends. */
  @Override
  void close();
}
