package io.gpurunner.agent.container;

/** Port: whether the container engine can take jobs. Blocking; thread-safe. */
public interface EngineProbe {
  /**
   * Asks the engine who it is and how it hands out GPUs.
   *
   * @throws ContainerException UNREACHABLE naming the address, also where it cannot be found out
   *     which process the engine is; REFUSED where a configured way to attach GPUs is not there
   */
  EngineFacts probe();

  /**
   * @param version the engine's version
   * @param gpuAccess how GPUs reach a container here
   */
  record EngineFacts(String version, GpuAccess gpuAccess) {}

  /** The ways a GPU reaches a container. */
  enum GpuAccess {
    /** Device request to the NVIDIA runtime hook. */
    RUNTIME,
    /** Device request by CDI name. */
    CDI,
    /** No way, or none wanted (simulated GPUs). */
    NONE
  }
}
