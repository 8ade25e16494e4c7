package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import java.util.Optional;

/**
 * Port: the images of this machine as things that take room. Blocking; thread-safe; throws only
 * {@link ContainerException}.
 */
public interface ImageShelf {
  /**
   * Returns an image. It is empty if there is none.
   *
   * @param name a full name, or the engine's id
   */
  @NoSideEffect
  Optional<Shelved> find(String name);

  /**
   * Removes an image, or only this name if it has others. An image that a container uses, or that
   * has other names and is named by its id, stays.
   *
   * @return whether it was removed
   */
  @SideEffect
  boolean remove(String name);

  /**
   * An image.
   *
   * @param bytes its size; layers that it shares with others count in full
   */
  record Shelved(String id, long bytes) {}
}
