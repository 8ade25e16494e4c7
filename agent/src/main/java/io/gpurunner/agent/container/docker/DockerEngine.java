package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerEngine;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRuntime;
import io.gpurunner.agent.container.EngineEvents;
import io.gpurunner.agent.container.EngineProbe;
import io.gpurunner.agent.container.ImageShelf;
import io.gpurunner.agent.container.Images;
import java.time.Instant;
import java.util.function.UnaryOperator;

/**
 * A Docker engine (20.10 or newer) behind the container ports. Opening it makes no connection. If
 * the engine is down, {@link #probe()} and every call say so, and calls work again when it is back.
 * Thread-safe.
 */
public final class DockerEngine implements ContainerEngine {
  private final EngineConnection connection;
  private final DockerProbe probe;
  private final DockerContainers containers;
  private final DockerImages images;
  private final DockerImageShelf shelf;
  private final DockerOutput output;
  private final DockerEvents events;

  private DockerEngine(DockerSettings settings, UnaryOperator<Instant> agentTime) {
    OurLabels labels = new OurLabels(settings.instance());
    this.connection = new EngineConnection(settings.host());
    EngineIdentity identity = new EngineIdentity(connection);
    this.probe = new DockerProbe(connection, identity, labels, settings.gpuAccess());
    this.containers =
        new DockerContainers(connection, probe, identity, labels, new ObservedState(agentTime));
    this.images = new DockerImages(connection, settings.pulls());
    this.shelf = new DockerImageShelf(connection);
    this.output = new DockerOutput(connection);
    this.events = new DockerEvents(connection, containers, labels);
  }

  /**
   * Prepares the connection to the engine. Nothing is sent.
   *
   * @param agentTime converts a time of the engine, which uses the wall clock, to the agent's time
   */
  public static DockerEngine open(DockerSettings settings, UnaryOperator<Instant> agentTime) {
    return new DockerEngine(settings, agentTime);
  }

  @Override
  public String name() {
    return "Docker";
  }

  @Override
  public EngineProbe probe() {
    return probe;
  }

  @Override
  public ContainerRuntime containers() {
    return containers;
  }

  @Override
  public Images images() {
    return images;
  }

  @Override
  public ImageShelf shelf() {
    return shelf;
  }

  @Override
  public ContainerOutput output() {
    return output;
  }

  @Override
  public EngineEvents events() {
    return events;
  }

  @Override
  public void close() {
    events.close();
    connection.close();
  }
}
