package io.gpurunner.agent.config;

import io.gpurunner.agent.container.docker.GpuAccessMode;
import java.net.URI;

/**
 * The container engine.
 *
 * @param host {@code unix:///path} or {@code tcp://host:port}
 */
public record DockerConfig(URI host, GpuAccessMode gpuAccess) {
  static DockerConfig read(Section section) {
    return new DockerConfig(
        section.value("host", URI.create("unix:///var/run/docker.sock"), ValueForms.DOCKER_HOST),
        section.value("gpu-access", GpuAccessMode.AUTO, ValueForms.word(GpuAccessMode.class)));
  }
}
