package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.util.Collection;
import java.util.List;
import java.util.regex.Pattern;

/** Decides how containers get GPUs, from what the engine and the machine have. Pure. */
final class GpuAccessDetection {
  /**
   * The CDI name of a GPU with its UUID, as the NVIDIA Container Toolkit writes it for {@code
   * --device-name-strategy=uuid}. A name with an ordinal is of no use, because ordinals change.
   */
  private static final Pattern CDI_BY_UUID = Pattern.compile("nvidia\\.com/gpu=GPU-[0-9a-fA-F-]+");

  private static final String GENERATE =
      "run \"nvidia-ctk cdi generate --device-name-strategy=uuid --output=/etc/cdi/nvidia.yaml\"";

  private static final String INSTALL =
      "install the package nvidia-container-toolkit, run \"nvidia-ctk runtime configure"
          + " --runtime=docker\" and restart Docker";

  private GpuAccessDetection() {}

  /**
   * @param hookInstalled whether {@code nvidia-container-runtime-hook} is where the engine looks
   * @param cdiDevices names of all CDI devices that the engine can attach
   * @throws ContainerException GPUS_UNFIT if the configured way is missing, or there is none
   */
  static GpuAccess detect(
      GpuAccessMode mode,
      EngineDescription engine,
      boolean hookInstalled,
      Collection<String> cdiDevices) {
    boolean cdi = cdiDevices.stream().anyMatch(name -> CDI_BY_UUID.matcher(name).matches());
    boolean runtime = hookInstalled || engine.hasNvidiaRuntime();
    return switch (mode) {
      case NONE -> GpuAccess.NONE;
      case AUTO -> {
        if (!cdi && !runtime) {
          throw new ContainerException(
              Kind.GPUS_UNFIT,
              "no GPU can reach a container: the engine ("
                  + engine.version()
                  + ") has no NVIDIA runtime and knows no CDI device nvidia.com/gpu=GPU-<uuid>; "
                  + INSTALL
                  + ". With docker.gpu-access none, jobs run without devices");
        }
        yield cdi ? GpuAccess.CDI : GpuAccess.RUNTIME;
      }
      case RUNTIME -> {
        if (!runtime) {
          throw new ContainerException(
              Kind.GPUS_UNFIT,
              "docker.gpu-access is runtime, but the engine ("
                  + engine.version()
                  + ") has no NVIDIA runtime: "
                  + INSTALL);
        }
        yield GpuAccess.RUNTIME;
      }
      case CDI -> {
        if (!cdi) {
          throw new ContainerException(
              Kind.GPUS_UNFIT,
              "docker.gpu-access is cdi, but the engine ("
                  + engine.version()
                  + ") knows no CDI device nvidia.com/gpu=GPU-<uuid>: "
                  + cdiAdvice(engine));
        }
        yield GpuAccess.CDI;
      }
    };
  }

  /**
   * @param cdiDevices names of all CDI devices that the engine can attach
   * @throws ContainerException GPUS_UNFIT if one of the GPUs is not among them
   */
  static void requireSpecified(List<String> uuids, Collection<String> cdiDevices) {
    for (String uuid : uuids) {
      if (!cdiDevices.contains(GpuRequest.cdiName(uuid))) {
        throw new ContainerException(
            Kind.GPUS_UNFIT,
            "the CDI specification has no device "
                + GpuRequest.cdiName(uuid)
                + ", as it was made before this GPU came to the machine: "
                + GENERATE);
      }
    }
  }

  private static String cdiAdvice(EngineDescription engine) {
    if (engine.majorVersion().filter(major -> major < 25).isPresent()) {
      return "CDI needs Docker 25 or newer; upgrade it, or set docker.gpu-access to runtime";
    }
    return engine.cdiDirectories().isEmpty()
        ? "switch the engine's feature cdi on (daemon.json: {\"features\":{\"cdi\":true}}), "
            + GENERATE
            + " and restart Docker"
        : GENERATE;
  }
}
