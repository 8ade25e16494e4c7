package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.NotFoundException;
import io.gpurunner.agent.container.ImageShelf;
import java.util.Optional;

/** The room that the images of a Docker engine take. Thread-safe. */
final class DockerImageShelf implements ImageShelf {
  private final EngineConnection connection;

  DockerImageShelf(EngineConnection connection) {
    this.connection = connection;
  }

  @Override
  public Optional<Shelved> find(String name) {
    return connection.inspectImage(
        "looking for the image " + name,
        name,
        answer -> new Shelved(answer.path("Id").asText(), answer.path("Size").asLong()));
  }

  @Override
  public boolean remove(String name) {
    return connection.call(
        "removing the image " + name,
        CallLimits.REMOVE,
        docker -> {
          try {
            docker.removeImageCmd(name).exec();
            return true;
          } catch (NotFoundException | ConflictException absentOrUsed) {
            return false;
          }
        });
  }
}
