package io.gpurunner.agent.container;

import java.time.Instant;

/** What the engine says of a container. */
public sealed interface Observation {
  /** The engine's id of the container. */
  String containerId();

  /** Made, never started. */
  record Created(String containerId) implements Observation {}

  /** Running, paused or restarting: its processes exist. */
  record Running(String containerId, Instant startedAt) implements Observation {}

  /**
   * Ended.
   *
   * @param outOfMemory the kernel killed it for memory
   * @param error the engine's own error, where starting failed; empty text otherwise
   */
  record Exited(
      String containerId,
      int exitCode,
      boolean outOfMemory,
      Instant startedAt,
      Instant finishedAt,
      String error)
      implements Observation {}
}
