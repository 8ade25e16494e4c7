package io.gpurunner.agent.container.docker;

import java.net.URI;

/**
 * The engine to use, and how to use it.
 *
 * @param host {@code unix:///path/of/the/socket} or {@code tcp://host:port}
 * @param gpuAccess how containers get GPUs
 * @param instance the random id in the agent's state directory, which tells this agent's containers
 *     from those of another agent on the same engine
 * @param pulls how images come here
 */
public record DockerSettings(
    URI host, GpuAccessMode gpuAccess, String instance, PullSettings pulls) {
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
