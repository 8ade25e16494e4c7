package io.gpurunner.agent.container;

import java.util.function.Consumer;

/**
 * Port: hints that a container changed. Hints may be late, doubled or lost, so the listener looks
 * at the container itself.
 */
public interface EngineEvents extends AutoCloseable {
  /**
   * Calls the listener on a thread of its own when a container of this agent starts, ends or is
   * removed. If the engine was away, it is connected to again.
   */
  void listen(Consumer<ContainerName> changed);

  @Override
  void close();
}
