package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.io.OutputStream;
import java.nio.file.Path;

/** Port: reads what containers print. Blocking; thread-safe. */
public interface ContainerOutput {
  /**
   * Writes standard output and error, in the order they came, to a file. The file is written whole
   * or not at all: under a temporary name first, then renamed. If the container is absent, the file
   * keeps its content.
   */
  @SideEffect
  void save(ContainerRef container, Path file);

  /**
   * Copies the last lines, and those that come while it follows, until the container ends or the
   * stream is closed by the caller: a stream whose write or flush fails ends the copying without an
   * error. It is flushed about every second, also when nothing came, from another thread than the
   * one that writes, never at the same time. The stream is not closed.
   *
   * @throws ContainerException ABSENT where there is no such container
   */
  @NoSideEffect
  void copy(ContainerName name, int tailLines, boolean follow, OutputStream to);
}
