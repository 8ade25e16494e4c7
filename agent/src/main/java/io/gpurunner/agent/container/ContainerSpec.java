package io.gpurunner.agent.container;

import io.gpurunner.api.ImageReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Describes a container to create. The adapter translates it for the engine.
 *
 * @param command replaces the image's entrypoint and command; if it is empty, the image's own are
 *     used
 * @param environment all variables except those that the image itself sets
 * @param mounts host directories
 * @param sharedMemoryBytes size of {@code /dev/shm}
 * @param imageVolumes what takes the place of the volumes that the image declares; empty if the
 *     engine may create those
 */
public record ContainerSpec(
    ContainerName name,
    ImageReference image,
    List<String> command,
    Map<String, String> environment,
    List<Mount> mounts,
    GpuAttachment gpus,
    long sharedMemoryBytes,
    Optional<ImageVolumes> imageVolumes) {

  /** Describes a container whose image's volumes the engine may create. */
  public ContainerSpec(
      ContainerName name,
      ImageReference image,
      List<String> command,
      Map<String, String> environment,
      List<Mount> mounts,
      GpuAttachment gpus,
      long sharedMemoryBytes) {
    this(name, image, command, environment, mounts, gpus, sharedMemoryBytes, Optional.empty());
  }

  /**
   * The directories that take the place of the volumes which the image declares.
   *
   * @param hostDirectory holds them, named 0, 1, …
   * @param limitBytes the most that the job may have in them; the engine copies what the image has
   *     there before anybody measures it
   */
  public record ImageVolumes(Path hostDirectory, long limitBytes) {}

  /** A bind mount. */
  public record Mount(Path hostPath, String containerPath, boolean readOnly) {}

  /** The GPUs that a container gets. */
  public sealed interface GpuAttachment {
    /** The container gets no GPU, even if the image asks for GPUs. */
    record None() implements GpuAttachment {}

    /**
     * The container gets these devices, named by UUID, in whatever way the engine attaches them.
     */
    record Devices(List<String> uuids) implements GpuAttachment {}
  }
}
