package io.gpurunner.agent.container;

import io.gpurunner.agent.port.SideEffect;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;

/** Port: the images of this machine. Blocking; thread-safe. */
public interface Images {
  /**
   * Makes sure that the image is on this machine, and pulls it if it is absent.
   *
   * @throws ContainerException REFUSED with the registry's own message (no such image, no
   *     permission); FAILED or UNREACHABLE if a retry may help
   */
  @SideEffect
  void ensurePresent(ImageReference image, Cancellation cancellation);
}
