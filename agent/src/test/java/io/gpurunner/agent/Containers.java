package io.gpurunner.agent;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.gpurunner.agent.state.InstanceId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The Docker engine, used directly as an administrator does. */
final class Containers {
  private final DockerClient docker;

  Containers() {
    this(TestEnvironment.require("DOCKER_HOST"));
  }

  Containers(String host) {
    DefaultDockerClientConfig config =
        DefaultDockerClientConfig.createDefaultConfigBuilder().withDockerHost(host).build();
    docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder().dockerHost(config.getDockerHost()).build());
  }

  /** Returns the names of the containers of a job, in any state. */
  List<String> of(String jobId) {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("io.gpurunner.job", jobId))
        .exec()
        .stream()
        .map(Container::getNames)
        .map(names -> names[0].substring(1))
        .toList();
  }

  /** Returns the engine's id of a job's only container. */
  String id(String jobId) {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("io.gpurunner.job", jobId))
        .exec()
        .getFirst()
        .getId();
  }

  /** Returns the names of all containers of an agent, in any state. */
  List<String> ofStateDirectory(Path stateDirectory) {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("io.gpurunner.instance", InstanceId.loadOrCreate(stateDirectory)))
        .exec()
        .stream()
        .map(container -> container.getNames()[0].substring(1))
        .toList();
  }

  /** Returns the jobs of all containers of all agents, in any state. */
  List<String> jobs() {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(List.of("io.gpurunner.job"))
        .exec()
        .stream()
        .map(container -> container.getLabels().get("io.gpurunner.job"))
        .toList();
  }

  /** Returns the names of the containers of a job that are running. */
  List<String> running(String jobId) {
    return docker
        .listContainersCmd()
        .withLabelFilter(Map.of("io.gpurunner.job", jobId))
        .exec()
        .stream()
        .map(container -> container.getNames()[0].substring(1))
        .toList();
  }

  String first(String jobId) {
    return of(jobId).getFirst();
  }

  /** Returns the exit code of a container. It is empty while the container runs. */
  Optional<Long> exitCode(String name) {
    InspectContainerResponse.ContainerState state =
        docker.inspectContainerCmd(name).exec().getState();
    return "exited".equals(state.getStatus())
        ? Optional.ofNullable(state.getExitCodeLong())
        : Optional.empty();
  }

  void limitMemory(String name, long bytes) {
    docker.updateContainerCmd(name).withMemory(bytes).withMemorySwap(bytes).exec();
  }

  void kill(String name) {
    docker.killContainerCmd(name).exec();
  }

  void stop(String name) {
    docker.stopContainerCmd(name).exec();
  }

  /** Builds an image from a directory with a Dockerfile. */
  void build(Path context, String image) {
    docker
        .buildImageCmd(context.resolve("Dockerfile").toFile())
        .withTags(Set.of(image))
        .start()
        .awaitImageId();
  }

  void removeImage(String image) {
    docker.removeImageCmd(image).withForce(true).exec();
  }

  void remove(String name) {
    docker.removeContainerCmd(name).withForce(true).exec();
  }

  void pause(String name) {
    docker.pauseContainerCmd(name).exec();
  }

  void restart(String name) {
    docker.restartContainerCmd(name).withTimeout(0).exec();
  }

  void removeQuietly(String name) {
    try {
      docker.removeContainerCmd(name).withForce(true).exec();
    } catch (NotFoundException gone) {
      // There is nothing to remove.
    }
  }
}
