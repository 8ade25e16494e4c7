package io.gpurunner.agent.container;

import java.time.Instant;

/**
 * What the engine says of a container. Times are by the agent's clock, whatever the engine's says.
 */
public sealed interface Observation {
  /** The engine's id of the container. */
  String containerId();

  /** Created and never started: the engine that created it is the one that says so. */
  record Created(String containerId) implements Observation {}

  /**
   * Never started as far as this engine knows, which was started after the container was created.
   * The engine before it may have started the container and died before it wrote that down, so the
   * container may have run, and may run still (docs/adr/010).
   */
  record Doubtful(String containerId) implements Observation {}

  /** It was started. */
  sealed interface Ran extends Observation {
    /**
     * Names this run of this container: another one has another name, be it another container or
     * the same one that somebody started again.
     */
    String run();

    Instant startedAt();
  }

  /** Its processes exist. */
  record Running(String containerId, String run, Instant startedAt, Activity activity)
      implements Ran {}

  /**
   * Ended.
   *
   * @param outOfMemory the kernel killed it for memory
   * @param error the engine's own error, where starting failed; empty text otherwise
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
    /** This end where the engine knows neither the exit code nor the time of it. */
    public Exited lostByEngine() {
      return new Exited(
          containerId, run, ExitCodes.LOST_BY_ENGINE, outOfMemory, startedAt, startedAt, error);
    }
  }

  /** How a container runs; a job's is only ever made otherwise than ACTIVE by somebody else. */
  enum Activity {
    ACTIVE,
    /** Frozen; neither its processes nor SIGTERM move until somebody thaws it. */
    PAUSED,
    /** Between two of the runs that a restart policy makes. */
    RESTARTING
  }
}
