package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.util.List;
import java.util.Optional;

/**
 * Port: the containers of this machine. Every call blocks for a bounded time, can be repeated, and
 * throws only {@link ContainerException}. Thread-safe.
 */
public interface ContainerRuntime {
  /**
   * Creates the container and does not start it. A container with the same name is left as it is.
   */
  @SideEffect
  void create(ContainerSpec spec);

  /**
   * Starts a container that was created. A container that runs, or ran, or may have run, is left
   * alone: a start that is repeated after a crash must not run the job twice.
   *
   * @throws ContainerException REFUSED with the engine's message if a device is missing or the
   *     container cannot be run; ABSENT if there is no such container. A command that the image
   *     lacks is no error here: the init process starts, and the container ends with exit code 127
   *     (126: cannot be executed) and the reason in its output
   */
  @SideEffect
  void start(ContainerRef container);

  /**
   * Returns what the engine says of the container now. It is empty if there is none. No call
   * touches a container that is not recorded and was created by another program.
   */
  @NoSideEffect
  Optional<Observation> inspect(ContainerRef container);

  /**
   * Asks the container's programs to end: those that catch the stop signal get it, behind shells
   * and pipes too ({@link StopTargets}). The first call asks; each later one asks the programs that
   * catch the signal since then. If the container is absent or does not run, nothing happens.
   *
   * @param earlier what the last call returned, or {@link StopRequest#none}
   */
  @SideEffect
  StopRequest askToStop(ContainerRef container, StopRequest earlier);

  /** Ends the container by SIGKILL. If it is absent or does not run, nothing happens. */
  @SideEffect
  void kill(ContainerRef container);

  /**
   * Removes the container. A container that runs is killed first. If it is absent, nothing happens.
   */
  @SideEffect
  void remove(ContainerRef container);

  /** Lists all containers that carry this agent's label, in any state and with any name. */
  @NoSideEffect
  List<LabelledContainer> list();

  /**
   * Kills all processes of a container of this agent, even if the engine does not know them, and
   * returns once none is left. If there is no such container, nothing happens.
   *
   * @param containerId the engine's full id, as it was recorded or listed
   * @throws ContainerException FAILED if a process is still there
   */
  @SideEffect
  void endProcesses(String containerId);

  /**
   * Removes a container of {@link #list}. Its processes are killed first. If it is absent, nothing
   * happens.
   */
  @SideEffect
  void discard(LabelledContainer container);
}
