package io.gpurunner.agent.config;

import java.net.URI;

/**
 * The container engine.
 *
 * @param host {@code unix:///path} or {@code tcp://host:port}
 */
public record DockerConfig(URI host, GpuAccess gpuAccess) {
  /** How a container gets GPUs. */
  public enum GpuAccess {
    /** The way is found out from the engine. */
    AUTO,
    /** The NVIDIA container runtime's device request. */
    RUNTIME,
    /** The Container Device Interface. */
    CDI,
    NONE
  }
}
