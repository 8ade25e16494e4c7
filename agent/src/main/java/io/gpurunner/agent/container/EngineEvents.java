package io.gpurunner.agent.container;

import java.util.function.Consumer;

/**
 * Port: hints that a container changed. Hints only: they may be late, doubled or lost, and the
 * listener looks for itself.
 */
public interface EngineEvents extends AutoCloseable {
  /**
   * Calls the listener, on a thread of its own, for every container of ours that starts, ends or
   * goes; reconnects when the engine comes back.
   */
  void listen(Consumer<ContainerName> changed);

  @Override
  void close();
}
