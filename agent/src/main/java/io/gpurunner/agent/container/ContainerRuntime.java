package io.gpurunner.agent.container;

import java.util.List;
import java.util.Optional;

/**
 * Port: containers of this machine. Every call blocks for a bounded time, can be repeated, and
 * throws only {@link ContainerException}. Thread-safe.
 */
public interface ContainerRuntime {
  /** Makes the container without starting it; one that has this name already is left as it is. */
  void create(ContainerSpec spec);

  /**
   * Starts a container that was made. One that runs, or ran and ended, or may have done so, is left
   * alone: a start that is repeated after a crash must not run the job twice.
   *
   * @throws ContainerException REFUSED with the engine's message where a device is missing or the
   *     container cannot be run; ABSENT where there is none. A command that the image lacks is no
   *     error here: the init process starts, and the container ends with exit code 127 (126: cannot
   *     be executed) and the reason in its output
   */
  void start(ContainerRef container);

  /**
   * What the engine says of the container now; empty where there is none. A container that is not
   * recorded and was created by somebody else is never touched by any call.
   */
  Optional<Observation> inspect(ContainerRef container);

  /**
   * Sends a signal to its first process. A container that is absent or does not run is no error.
   */
  void signal(ContainerRef container, Signal signal);

  /** Removes it, killed first where the engine knows that it runs. Absent is no error. */
  void remove(ContainerRef container);

  /** All containers, in any state and of whatever name, that carry this agent's label. */
  List<LabelledContainer> list();

  /**
   * Kills what runs in a container of this agent, whatever the engine knows of it, and returns once
   * nothing does. That there is no such container is no error.
   *
   * @param containerId the engine's id, in full, as it was recorded or listed
   * @throws ContainerException FAILED where something is still there
   */
  void endProcesses(String containerId);

  /** Removes one of {@link #list}, whatever runs in it killed first. Absent is no error. */
  void discard(LabelledContainer container);

  /** The two signals a job gets. */
  enum Signal {
    TERM,
    KILL
  }
}
