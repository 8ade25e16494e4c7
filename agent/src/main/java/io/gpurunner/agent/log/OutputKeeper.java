package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.agent.port.SideEffect;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Port: keeps what the containers of jobs print, each run's output in a directory of its own.
 * Thread-safe.
 */
public interface OutputKeeper {
  /**
   * Begins to copy a container's output, now and while it is printed. Idempotent; never blocks and
   * never fails, because a run does not depend on its output.
   */
  @SideEffect
  void follow(ContainerRef container, Path directory);

  /**
   * Copies the rest of the output of a container that has ended, and completes the copy. What was
   * copied before is kept if this fails. Idempotent; blocking.
   *
   * @param limit how long the engine is read
   * @throws ContainerException if the engine fails or takes longer, or the disk fails
   */
  @SideEffect
  void finish(ContainerRef container, Path directory, Duration limit);

  /**
   * Completes the copy with what it has, because the container is gone. If the container was never
   * followed, there is no copy, and nothing happens. Idempotent; blocking.
   */
  @SideEffect
  void abandon(ContainerRef container, Path directory);
}
