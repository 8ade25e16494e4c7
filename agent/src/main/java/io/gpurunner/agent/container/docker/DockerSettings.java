package io.gpurunner.agent.container.docker;

import java.net.URI;

/**
 * Which engine to use, and how.
 *
 * @param host {@code unix:///path/of/the/socket} or {@code tcp://host:port}
 * @param gpuAccess how GPUs are to reach containers
 * @param instance tells this agent's containers from those of another agent on the same engine: the
 *     random id in its state directory
 */
public record DockerSettings(URI host, GpuAccessMode gpuAccess, String instance) {
  /**
   * @throws IllegalArgumentException naming what is wrong with the address
   */
  public DockerSettings {
    switch (host.getScheme()) {
      case "unix" -> {
        if (host.getAuthority() != null || host.getPath() == null || host.getPath().length() < 2) {
          throw unacceptable(host, "the path of the socket is missing");
        }
      }
      case "tcp" -> {
        if (host.getHost() == null || host.getPort() < 1) {
          throw unacceptable(host, "host or port is missing");
        }
      }
      case null, default -> throw unacceptable(host, "the scheme is neither unix nor tcp");
    }
    if (instance.isBlank()) {
      throw new IllegalArgumentException("the agent's instance id must not be blank");
    }
  }

  private static IllegalArgumentException unacceptable(URI host, String what) {
    return new IllegalArgumentException(
        "docker host \""
            + host
            + "\": "
            + what
            + "; accepted: unix:///path/of/socket or tcp://host:port");
  }
}
