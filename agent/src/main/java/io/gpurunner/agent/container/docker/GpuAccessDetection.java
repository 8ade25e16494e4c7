package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.util.Collection;
import java.util.regex.Pattern;

/** Decides how containers get GPUs, from what the engine and the machine have. Pure. */
final class GpuAccessDetection {
  /**
   * The CDI name of a GPU with its UUID, as the NVIDIA Container Toolkit writes it for {@code
   * --device-name-strategy=uuid}. A name with an ordinal is of no use, because ordinals change.
   */
  private static final Pattern CDI_BY_UUID = Pattern.compile("nvidia\\.com/gpu=GPU-[0-9a-fA-F-]+");

  private GpuAccessDetection() {}

  /**
   * @param hookInstalled whether {@code nvidia-container-runtime-hook} is where the engine looks
   * @param cdiDevices names of all CDI devices that the engine can attach
   * @throws ContainerException GPUS_UNFIT if the configured way is missing
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
      case AUTO -> cdi ? GpuAccess.CDI : runtime ? GpuAccess.RUNTIME : GpuAccess.NONE;
      case RUNTIME -> {
        if (!runtime) {
          throw new ContainerException(
              Kind.GPUS_UNFIT,
              "docker.gpu-access is runtime, but the engine ("
                  + engine.version()
                  + ") has no NVIDIA runtime: install the package nvidia-container-toolkit, run"
                  + " \"nvidia-ctk runtime configure --runtime=docker\" and restart Docker");
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

  private static String cdiAdvice(EngineDescription engine) {
    if (engine.majorVersion().filter(major -> major < 25).isPresent()) {
      return "CDI needs Docker 25 or newer; upgrade it, or set docker.gpu-access to runtime";
    }
    String specification =
        "run \"nvidia-ctk cdi generate --device-name-strategy=uuid --output=/etc/cdi/nvidia.yaml\"";
    return engine.cdiDirectories().isEmpty()
        ? "switch the engine's feature cdi on (daemon.json: {\"features\":{\"cdi\":true}}), "
            + specification
            + " and restart Docker"
        : specification;
  }
}
