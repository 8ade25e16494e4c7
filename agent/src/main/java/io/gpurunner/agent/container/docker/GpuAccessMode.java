package io.gpurunner.agent.container.docker;

/** How containers get GPUs: the configuration key {@code docker.gpu-access}. */
public enum GpuAccessMode {
  /** CDI if the engine knows the GPUs by UUID, otherwise the runtime hook, or an error. */
  AUTO,
  /** The NVIDIA runtime hook, or an error. */
  RUNTIME,
  /** CDI, or an error. */
  CDI,
  /** No container gets a device. It is so with simulated GPUs, whatever is configured. */
  NONE
}
