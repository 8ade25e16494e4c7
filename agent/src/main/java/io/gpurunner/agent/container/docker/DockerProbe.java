package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Info;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Asks the engine for its version and its ways to attach GPUs. Thread-safe. */
final class DockerProbe implements EngineProbe {
  /**
   * The directories in which {@code dockerd} finds the hook: the PATH that systemd gives to a
   * service. With the hook the device driver "nvidia" works, even if no runtime of that name is
   * registered.
   */
  private static final List<Path> HOOK_PLACES =
      List.of(
          Path.of("/usr/local/sbin"),
          Path.of("/usr/local/bin"),
          Path.of("/usr/sbin"),
          Path.of("/usr/bin"));

  private static final String HOOK = "nvidia-container-runtime-hook";

  private final EngineConnection connection;
  private final EngineIdentity identity;
  private final GpuAccessMode mode;
  private final TrialContainer trial;

  DockerProbe(
      EngineConnection connection, EngineIdentity identity, OurLabels labels, GpuAccessMode mode) {
    this.trial = new TrialContainer(connection, labels);
    this.connection = connection;
    this.identity = identity;
    this.mode = mode;
  }

  @Override
  public EngineFacts probe() {
    EngineDescription engine = describe();
    engine
        .whyUnfit()
        .ifPresent(
            why -> {
              throw new ContainerException(
                  Kind.REFUSED,
                  "the container engine at "
                      + connection.host()
                      + " is Docker "
                      + engine.version()
                      + why);
            });
    identity.now(); // an unknown engine must not create containers
    return new EngineFacts(
        engine.version(), gpuAccess(engine), engine.dataRoot().filter(Files::isDirectory));
  }

  @Override
  public void tryStart(List<String> gpus) {
    EngineDescription engine = describe();
    GpuAttachment attachment =
        gpus.isEmpty() ? new GpuAttachment.None() : new GpuAttachment.Devices(gpus);
    trial.run(
        GpuRequest.of(attachment, gpuAccess(engine), engine),
        attachment,
        !engine.rootless() && identity.mayRaiseLimits());
  }

  EngineDescription describe() {
    Info info =
        identity.asking(
            () ->
                connection.call(
                    "asking the engine for its version",
                    CallLimits.QUICK,
                    docker -> docker.infoCmd().exec()));
    return EngineDescription.of(info);
  }

  GpuAccess gpuAccess(EngineDescription engine) {
    if (mode == GpuAccessMode.NONE) {
      return GpuAccess.NONE;
    }
    List<String> cdiDevices =
        engine.cdiDevices().isEmpty()
            ? CdiSpecifications.deviceNames(engine.cdiDirectories())
            : engine.cdiDevices();
    return GpuAccessDetection.detect(mode, engine, hookInstalled(), cdiDevices);
  }

  private static boolean hookInstalled() {
    return HOOK_PLACES.stream().anyMatch(place -> Files.isExecutable(place.resolve(HOOK)));
  }
}
