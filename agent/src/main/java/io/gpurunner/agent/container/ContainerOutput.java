package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Optional;

/** Port: reads what containers print, and the files that they run. Blocking; thread-safe. */
public interface ContainerOutput {
  /**
   * Writes a container's standard output and error to a file, in the order in which they came. The
   * file is written whole or not at all: under a temporary name first, and then renamed. If the
   * container is absent, the file keeps its content.
   */
  @SideEffect
  void save(ContainerRef container, Path file);

  /**
   * Copies the last lines of a container's output to a stream. With {@code follow}, it also copies
   * what comes later, until the container ends.
   *
   * <p>A write or flush that fails ends the copying without an error, so the caller ends it by
   * closing the stream. The stream is flushed about every second, even if nothing came. Writes and
   * flushes come from two threads, but never at the same time. This method does not close the
   * stream.
   *
   * @throws ContainerException ABSENT if there is no such container
   */
  @NoSideEffect
  void copy(ContainerName name, int tailLines, boolean follow, OutputStream to);

  /**
   * Returns the first bytes of a file in a container, whether the container runs or has ended. It
   * is empty if there is no such file, or if it is no regular file. Symbolic links are followed.
   *
   * @param path absolute, or relative to the container's working directory
   * @param bytesLimit the largest number of bytes to return
   * @throws ContainerException ABSENT if there is no such container
   */
  @NoSideEffect
  Optional<byte[]> head(ContainerRef container, String path, int bytesLimit);
}
