package io.gpurunner.agent.container;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Port: checks whether the container engine can take jobs. Blocking; thread-safe. */
public interface EngineProbe {
  /**
   * Asks the engine for its version and how it attaches GPUs.
   *
   * @throws ContainerException UNREACHABLE naming the address, also if the engine's process cannot
   *     be found; REFUSED if the configured way to attach GPUs is missing
   */
  EngineFacts probe();

  /**
   * Creates, starts and removes a container of the agent's own, as a job's container would be. Its
   * image is made by the agent and needs no registry.
   *
   * @param gpus the UUIDs of the GPUs that it gets; it does not use them
   * @throws ContainerException if this machine cannot start it, with the engine's words
   */
  void tryStart(List<String> gpus);

  /**
   * @param version the engine's version
   * @param gpuAccess how GPUs reach a container here
   * @param dataRoot the directory in which the engine keeps images and containers; empty if it is
   *     not a directory of this machine
   */
  record EngineFacts(String version, GpuAccess gpuAccess, Optional<Path> dataRoot) {}

  /** The ways in which a container gets a GPU. */
  enum GpuAccess {
    /** A device request to the NVIDIA runtime hook. */
    RUNTIME,
    /** A device request by CDI name. */
    CDI,
    /** No container gets a GPU: there is no way, or the GPUs are simulated. */
    NONE
  }
}
