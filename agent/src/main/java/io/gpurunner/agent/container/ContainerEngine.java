package io.gpurunner.agent.container;

/** A container engine: its name, and the six ports to it. Thread-safe. */
public interface ContainerEngine extends AutoCloseable {
  /** Returns the engine's name, as messages to users spell it: {@code Docker}. */
  String name();

  EngineProbe probe();

  ContainerRuntime containers();

  Images images();

  ImageShelf shelf();

  ContainerOutput output();

  EngineEvents events();

  /** Ends the event stream. Containers run on. Idempotent. */
  @Override
  void close();
}
