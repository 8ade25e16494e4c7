package io.gpurunner.agent.container;

import java.util.Optional;

/**
 * Which container a call is about. One that the ledger has recorded is found by the engine's id,
 * whatever name and labels it has. One that is not recorded is found by its name, and only if it
 * carries this agent's label.
 *
 * @param name of the job's attempt
 * @param recordedId the engine's id, in full, as the ledger has it; empty where it has none
 */
public record ContainerRef(ContainerName name, Optional<String> recordedId) {
  /** A container that no record has yet. */
  public static ContainerRef unrecorded(ContainerName name) {
    return new ContainerRef(name, Optional.empty());
  }

  /** A container that is recorded under this id. */
  public static ContainerRef recorded(ContainerName name, String id) {
    return new ContainerRef(name, Optional.of(id));
  }

  /** What the engine is asked for. */
  public String engineKey() {
    return recordedId.orElseGet(name::toString);
  }
}
