package io.gpurunner.agent.container;

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
   * @param version the engine's version
   * @param gpuAccess how GPUs reach a container here
   */
  record EngineFacts(String version, GpuAccess gpuAccess) {}

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
