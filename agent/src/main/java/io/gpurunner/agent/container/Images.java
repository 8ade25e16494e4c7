package io.gpurunner.agent.container;

import io.gpurunner.agent.port.NoSideEffect;
import io.gpurunner.agent.port.SideEffect;
import io.gpurunner.api.ImageReference;
import io.gpurunner.storage.Cancellation;
import java.util.Optional;

/** Port: the images of this machine. Blocking; thread-safe. */
public interface Images {
  /**
   * Makes sure that the image is on this machine, and pulls it if it is absent, or if the registry
   * has a newer one and is to be asked. An image of a registry for which this machine has a
   * password is asked for at each run, however it came here: its registry has to give it to the
   * user.
   *
   * @param access what the job's user may have of registries; it is asked before any registry is
   * @throws ContainerException of a {@link PullFault}: REFUSED if the user cannot have the image,
   *     FAILED if a retry may help, MACHINE_UNFIT if this machine has no room for it. UNREACHABLE
   *     if the engine does not answer
   */
  @SideEffect
  Found ensurePresent(ImageReference image, RegistryAccess access, Cancellation cancellation);

  /** Returns how far a pull of this image is, in words. It is empty if none runs. Never blocks. */
  @NoSideEffect
  Optional<String> progress(ImageReference image);

  /**
   * An image on this machine.
   *
   * @param id the engine's id of it
   * @param digest by which a registry knows it, {@code sha256:…}; the engine's id of an image that
   *     no registry has
   * @param pulled whether it came here by this call
   * @param note what the job's user should know of how it was found
   */
  record Found(String id, String digest, boolean pulled, Optional<String> note) {}
}
