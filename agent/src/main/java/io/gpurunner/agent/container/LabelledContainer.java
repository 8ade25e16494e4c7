package io.gpurunner.agent.container;

import java.util.Optional;

/**
 * A container that carries this agent's label.
 *
 * @param containerId the engine's id
 * @param engineName its present name, without the slash; somebody may have changed it
 */
public record LabelledContainer(String containerId, String engineName) {
  /**
   * Returns the job and attempt that its name tells. It is empty if the name is not one of this
   * agent's.
   */
  public Optional<ContainerName> name() {
    return ContainerName.parse(engineName);
  }

  /** Returns whether this is the container that is meant. */
  public boolean is(ContainerRef meant) {
    return meant
        .recordedId()
        .map(containerId::equals)
        .orElseGet(() -> name().filter(meant.name()::equals).isPresent());
  }
}
