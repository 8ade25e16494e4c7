package io.gpurunner.agent.container;

import io.gpurunner.storage.Cancellation;

/** Port: images of this machine. Blocking; thread-safe. */
public interface Images {
  /**
   * Has the image on this machine, pulled if it is absent.
   *
   * @throws ContainerException REFUSED with the registry's own message (no such image, no
   *     permission); FAILED or UNREACHABLE where another try may help
   */
  void ensurePresent(String image, Cancellation cancellation);
}
