package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.DeviceRequest;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.util.List;
import java.util.Optional;

/**
 * How a container's GPUs are asked for.
 *
 * @param devices the engine's device requests; none for no GPU
 * @param visibleDevices value of {@code NVIDIA_VISIBLE_DEVICES}, set always: an image that sets
 *     {@code all} would get every GPU wherever NVIDIA's runtime or hook looks at it
 * @param runtime the OCI runtime to name; empty for the engine's default
 */
record GpuRequest(List<DeviceRequest> devices, String visibleDevices, Optional<String> runtime) {
  /** Nothing is attached by the environment ("void": as if the hook were not there). */
  private static final String VOID = "void";

  /**
   * What of the driver is mounted: CUDA, nvidia-smi, and the video decoder that data loaders use.
   * Never graphics or display.
   */
  private static final List<String> DRIVER_CAPABILITIES =
      List.of("gpu", "compute", "utility", "video");

  /** What Docker calls the plain runtime; registered in every engine. */
  private static final String PLAIN_RUNTIME = "runc";

  static GpuRequest of(GpuAttachment gpus, GpuAccess access, EngineDescription engine) {
    Optional<String> runtime =
        engine.defaultRuntimeIsNvidia() ? Optional.of(PLAIN_RUNTIME) : Optional.empty();
    return switch (gpus) {
      case GpuAttachment.None() -> new GpuRequest(List.of(), VOID, runtime);
      case GpuAttachment.Devices(List<String> uuids) ->
          switch (access) {
            case NONE -> new GpuRequest(List.of(), VOID, runtime);
            case RUNTIME ->
                new GpuRequest(
                    List.of(
                        new DeviceRequest()
                            .withDriver("nvidia")
                            .withDeviceIds(uuids)
                            .withCapabilities(List.of(DRIVER_CAPABILITIES))),
                    String.join(",", uuids),
                    runtime);
            case CDI ->
                new GpuRequest(
                    List.of(
                        new DeviceRequest()
                            .withDriver("cdi")
                            .withDeviceIds(
                                uuids.stream().map(uuid -> "nvidia.com/gpu=" + uuid).toList())),
                    VOID,
                    runtime);
          };
    };
  }
}
