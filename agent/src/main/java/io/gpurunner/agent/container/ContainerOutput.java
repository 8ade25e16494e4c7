package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.io.OutputStream;
import java.nio.file.Path;

/** Port: reads what containers print. Blocking; thread-safe. */
public interface ContainerOutput {
  /**
   * Writes a container's standard output and error to a file, in the order in which they came. The
   * file is written whole or not at all: under a temporary name first, and then renamed. If the
   * container is absent, the file keeps its content.
   */
  @SideEffect
  void save(ContainerRef container, Path file);

  /**
   * Copies the last lines of a container's output to a stream. If it follows, it also copies what
   * comes later, until the container ends.
   *
   * <p>A write or flush that fails ends the copying without an error. The stream is flushed about
   * every second, even if nothing came. Writes and flushes come from two threads, but never at the
   * same time. The stream is not closed.
   *
   * @throws ContainerException ABSENT if there is no such container
   */
  @NoSideEffect
  void copy(ContainerName name, int tailLines, boolean follow, OutputStream to);
}
