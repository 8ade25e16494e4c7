package io.gpurunner.agent.container.docker;

/** How GPUs are to reach containers: the configuration key {@code docker.gpu-access}. */
public enum GpuAccessMode {
  /** Found out from the engine: CDI where it knows the GPUs by UUID, else the runtime hook. */
  AUTO,
  /** The NVIDIA runtime hook, or an error. */
  RUNTIME,
  /** CDI, or an error. */
  CDI,
  /** No device ever reaches a container (simulated GPUs). */
  NONE
}
