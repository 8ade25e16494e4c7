package io.gpurunner.agent.container;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A container to make, in our own words; the adapter turns it into the engine's.
 *
 * @param command replaces the image's entrypoint and command; empty: the image's own
 * @param environment complete, but for what the image itself sets
 * @param mounts host directories
 * @param gpus what is attached
 * @param sharedMemoryBytes size of {@code /dev/shm}
 * @param labels of the job; the adapter adds those by which this agent knows its containers
 */
public record ContainerSpec(
    ContainerName name,
    String image,
    List<String> command,
    Map<String, String> environment,
    List<Mount> mounts,
    GpuAttachment gpus,
    long sharedMemoryBytes,
    Map<String, String> labels) {

  /** A bind mount. */
  public record Mount(Path hostPath, String containerPath, boolean readOnly) {}

  /** Which GPUs a container gets. */
  public sealed interface GpuAttachment {
    /** None, whatever the image asks for. */
    record None() implements GpuAttachment {}

    /** These devices, by UUID, through whatever way the engine has. */
    record Devices(List<String> uuids) implements GpuAttachment {}
  }
}
