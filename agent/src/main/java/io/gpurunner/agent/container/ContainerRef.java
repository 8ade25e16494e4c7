package io.gpurunner.agent.container;

import java.util.Optional;

/**
 * Names the container of a call. If the ledger has recorded it, it is found by the engine's id,
 * whatever its name and labels are. If not, it is found by its name, and only if it carries this
 * agent's label.
 *
 * @param name the name for the attempt at the job
 * @param recordedId the engine's full id; empty if the ledger has recorded none
 */
public record ContainerRef(ContainerName name, Optional<String> recordedId) {
  /** Names a container that the ledger has not recorded. */
  public static ContainerRef unrecorded(ContainerName name) {
    return new ContainerRef(name, Optional.empty());
  }

  /** Names a container that the ledger has recorded under this id. */
  public static ContainerRef recorded(ContainerName name, String id) {
    return new ContainerRef(name, Optional.of(id));
  }

  /** Returns the key for the engine's calls: the id, or the name if there is no id. */
  public String engineKey() {
    return recordedId.orElseGet(name::toString);
  }
}
