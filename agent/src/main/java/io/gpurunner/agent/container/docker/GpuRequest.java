package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.DeviceRequest;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How a container's GPUs are requested.
 *
 * @param devices the engine's device requests; empty if the container gets no GPU
 * @param visibleDevices value of {@code NVIDIA_VISIBLE_DEVICES}, which is always set: an image that
 *     sets {@code all} would get every GPU wherever NVIDIA's runtime or hook looks at it
 * @param runtime the OCI runtime to name; empty for the engine's default
 */
record GpuRequest(List<DeviceRequest> devices, String visibleDevices, Optional<String> runtime) {
  /** The value that attaches nothing ("void": as if the hook were absent). */
  private static final String VOID = "void";

  /**
   * The parts of the driver that are mounted: CUDA, nvidia-smi, and the video decoder that data
   * loaders use. Graphics and display are never mounted.
   */
  private static final List<String> DRIVER_CAPABILITIES =
      List.of("gpu", "compute", "utility", "video");

  /**
   * The variables with which an image asks for devices beside its GPUs: memory that other machines
   * share, and the control of all MIG devices (NVIDIA Container Toolkit, "Environment variables").
   */
  private static final Map<String, String> NOTHING_MORE =
      Map.of(
          "NVIDIA_IMEX_CHANNELS", "",
          "NVIDIA_MIG_CONFIG_DEVICES", "",
          "NVIDIA_MIG_MONITOR_DEVICES", "");

  /** Docker's name of the plain runtime, which every engine has. */
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
                            .withDeviceIds(uuids.stream().map(GpuRequest::cdiName).toList())),
                    VOID,
                    runtime);
          };
    };
  }

  /** Returns the CDI name of a GPU. */
  static String cdiName(String uuid) {
    return "nvidia.com/gpu=" + uuid;
  }

  /**
   * Returns the variables that decide which devices NVIDIA's tools attach. They replace what an
   * image sets, so that it gets no more than was leased.
   */
  Map<String, String> environment() {
    Map<String, String> variables = new TreeMap<>(NOTHING_MORE);
    variables.put("NVIDIA_VISIBLE_DEVICES", visibleDevices);
    return variables;
  }
}
