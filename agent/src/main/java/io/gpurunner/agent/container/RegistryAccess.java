package io.gpurunner.agent.container;

import io.gpurunner.api.ImageReference;

/** What the user of a job may have of registries. Thread-safe. */
public interface RegistryAccess {
  /** Returns whether this machine's password for the registry of an image is used for the user. */
  boolean mayLogIn(ImageReference image);

  /**
   * Requires that the registry of an image may be asked. Looks its name up, so it blocks for a
   * bounded time.
   *
   * @throws ContainerException of a {@link PullFault}: NOT_ALLOWED or NOT_RESOLVED
   */
  void requireAllowed(ImageReference image);
}
