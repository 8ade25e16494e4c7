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
   * Returns the name in its parts: job and attempt. It is empty if the name is not of the agent's
   * form.
   */
  public Optional<ContainerName> name() {
    return ContainerName.parse(engineName);
  }

  /** Returns whether the reference means this container. */
  public boolean is(ContainerRef meant) {
    return meant
        .recordedId()
        .map(containerId::equals)
        .orElseGet(() -> name().filter(meant.name()::equals).isPresent());
  }
}
