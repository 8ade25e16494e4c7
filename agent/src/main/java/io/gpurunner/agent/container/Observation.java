package io.gpurunner.agent.container;

import java.time.Instant;

/** What the engine says of a container. Its times are converted to the agent's clock. */
public sealed interface Observation {
  /** The engine's id of the container. */
  String containerId();

  /** The container was created and never started. The engine that created it says so. */
  record Created(String containerId) implements Observation {}

  /**
   * This engine does not know of a start, but another engine created the container. That engine may
   * have started it and died before it wrote that down. So the container may have run, and may
   * still run (docs/adr/010).
   */
  record Doubtful(String containerId) implements Observation {}

  /** The container was started. */
  sealed interface Ran extends Observation {
    /**
     * The name of this run of this container. Another run has another name: a run of another
     * container, or of the same container if somebody started it again.
     */
    String run();

    Instant startedAt();
  }

  /** The container runs. */
  record Running(String containerId, String run, Instant startedAt, Activity activity)
      implements Ran {}

  /**
   * The container has ended.
   *
   * @param outOfMemory whether the kernel killed it because memory ran out
   * @param error the engine's own error if starting failed; an empty text otherwise
   */
  record Exited(
      String containerId,
      String run,
      int exitCode,
      boolean outOfMemory,
      Instant startedAt,
      Instant finishedAt,
      String error)
      implements Ran {
    /** Returns this end with unknown exit code and time, because the engine lost them. */
    public Exited lostByEngine() {
      return new Exited(
          containerId, run, ExitCodes.LOST_BY_ENGINE, outOfMemory, startedAt, startedAt, error);
    }
  }

  /**
   * How a container runs. Only somebody else than the agent brings it into another state than
   * ACTIVE.
   */
  enum Activity {
    ACTIVE,
    /**
     * The container is frozen: its processes do not run and do not get SIGTERM until somebody thaws
     * it.
     */
    PAUSED,
    /** The container waits between two runs of a restart policy. */
    RESTARTING
  }
}
