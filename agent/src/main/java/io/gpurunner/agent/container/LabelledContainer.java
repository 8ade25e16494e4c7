package io.gpurunner.agent.container;

import java.util.Optional;

/**
 * A container that carries this agent's label.
 *
 * @param containerId the engine's id
 * @param engineName its name now, without the slash; somebody may have changed it
 */
public record LabelledContainer(String containerId, String engineName) {
  /** Whose it is; empty where the name is none of ours. */
  public Optional<ContainerName> name() {
    return ContainerName.parse(engineName);
  }

  /** Whether this is the container that is meant. */
  public boolean is(ContainerRef meant) {
    return meant
        .recordedId()
        .map(containerId::equals)
        .orElseGet(() -> name().filter(meant.name()::equals).isPresent());
  }
}
