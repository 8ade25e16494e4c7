package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import java.util.Optional;

/** Port: reads what containers print, and the files that they run. Blocking; thread-safe. */
public interface ContainerOutput {
  /** The part of an output that is read. */
  sealed interface Part {
    /** All that the engine has. */
    record All() implements Part {}

    /** The last pieces. A time would be no safe place to begin at, because clocks are set back. */
    record Last(int pieces) implements Part {}
  }

  /**
   * Opens a reading of a container's output. The pieces of both streams come in the order in which
   * the engine logged them. The engine is asked by the first call of {@link OutputReading#next}, so
   * this never blocks.
   *
   * @param follow whether the reading goes on with what is printed later, until the container ends
   */
  @NoSideEffect
  OutputReading read(ContainerRef container, Part part, boolean follow);

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
