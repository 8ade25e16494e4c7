package io.gpurunner.agent.container;

import java.time.Instant;

/** The engine's report on a container, with its times converted to the agent's clock. */
public sealed interface Observation {
  /** The engine's id of the container. */
  String containerId();

  /** The container was created and never started. The engine that created it says so. */
  record Created(String containerId) implements Observation {}

  /**
   * This engine knows of no start, but another engine created the container. That engine may have
   * started it and died before it wrote that down. So the container may have run, and may still run
   * (docs/adr/010).
   *
   * @param hasProcesses whether something runs in it, although no start is known
   */
  record Doubtful(String containerId, boolean hasProcesses) implements Observation {}

  /** The container was started. */
  sealed interface Ran extends Observation {
    /**
     * The name of this run of the container. If somebody starts the container again, the name is
     * another.
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
    /** Returns this end without its exit code and time, which the engine lost. */
    public Exited lostByEngine() {
      return new Exited(
          containerId, run, ExitCodes.LOST_BY_ENGINE, outOfMemory, startedAt, startedAt, error);
    }

    /** Returns this end with its cause: memory ran out. */
    public Exited byLackOfMemory() {
      return new Exited(containerId, run, exitCode, true, startedAt, finishedAt, error);
    }
  }

  /**
   * How a container runs. The agent itself never pauses or restarts a container, but somebody else
   * may.
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
