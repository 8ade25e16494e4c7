package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.Info;
import com.github.dockerjava.api.model.VersionComponent;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerRoot;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

  private static final Logger log = LoggerFactory.getLogger(DockerProbe.class);

  static final String HOOK = "nvidia-container-runtime-hook";

  /** The engine's number for the process of a container that does not run. */
  private static final Long NO_PROCESS = 0L;

  private final EngineConnection connection;
  private final EngineIdentity identity;
  private final GpuAccessMode mode;
  private final TrialContainer trial;
  private final NvidiaToolkit toolkit = new NvidiaToolkit(HOOK_PLACES);

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
    String process = identity.now(); // an unknown engine must not create containers
    GpuAccess access = GpuAccess.NONE;
    Optional<String> gpuFault = Optional.empty();
    try {
      access = gpuAccess(engine);
    } catch (ContainerException noWay) {
      gpuFault = Optional.of(noWay.words()); // jobs without GPUs can run
    }
    return new EngineFacts(
        engine.version(),
        process + CdiSpecifications.fingerprint(engine.cdiDirectories()),
        access,
        gpuFault,
        ReloadTrap.advice(access, engine),
        engine.dataRoot().filter(Files::isDirectory));
  }

  @Override
  public Optional<ContainerRoot> containerRoot() {
    return describe().containerRoot();
  }

  @Override
  public List<String> weaknesses() {
    Map<KnownFlaw.Product, String> versions = new EnumMap<>(KnownFlaw.Product.class);
    versions.put(KnownFlaw.Product.DOCKER, describe().version());
    runtimeVersion().ifPresent(version -> versions.put(KnownFlaw.Product.RUNC, version));
    if (mode != GpuAccessMode.NONE) {
      toolkit.version().ifPresent(version -> versions.put(KnownFlaw.Product.TOOLKIT, version));
    }
    return EngineWeaknesses.of(versions);
  }

  /** Returns the version of runc. It is empty if the engine does not say. */
  private Optional<String> runtimeVersion() {
    List<VersionComponent> components =
        connection.call(
            "asking the engine for its parts",
            CallLimits.QUICK,
            docker ->
                Objects.requireNonNullElse(
                    docker.versionCmd().exec().getComponents(), List.<VersionComponent>of()));
    return components.stream()
        .filter(component -> "runc".equals(component.getName()))
        .map(VersionComponent::getVersion)
        .filter(Objects::nonNull)
        .findFirst();
  }

  @Override
  public void tryStart() {
    trial.start(hostConfig(new GpuAttachment.None(), describe()));
  }

  @Override
  public void tryGpu(String uuid, OptionalInt minor) {
    EngineDescription engine = describe();
    if (mode == GpuAccessMode.NONE) {
      return; // containers get no device, so there is nothing to see
    }
    GpuAttachment gpu = new GpuAttachment.Devices(List.of(uuid));
    if (minor.isPresent()) {
      trial.startAndLook(hostConfig(gpu, engine), minor.getAsInt());
    } else {
      trial.start(hostConfig(gpu, engine));
    }
  }

  @Override
  public Set<Integer> missingNodes(String containerId, Set<Integer> minors) {
    long pid =
        connection
            .inspect(
                "inspecting the container " + containerId,
                "/containers/" + containerId + "/json",
                ObservedState::read)
            .map(answer -> answer.getState().getPidLong())
            .orElse(NO_PROCESS);
    if (!ContainerProcesses.isIn(pid, containerId)) {
      return Set.of();
    }
    Set<Integer> missing = new TreeSet<>(minors);
    try {
      missing.removeIf(minor -> NvidiaNodes.isSeenBy(pid, minor));
    } catch (ContainerException e) {
      log.warn("{}", e.getMessage());
      return Set.of();
    }
    // Another process may have got its number meanwhile.
    return ContainerProcesses.isIn(pid, containerId) ? missing : Set.of();
  }

  private TrialContainer.Host hostConfig(GpuAttachment gpus, EngineDescription engine) {
    GpuRequest request = gpuRequest(gpus, engine);
    boolean raisesLimits = !engine.rootless() && identity.mayRaiseLimits();
    return new TrialContainer.Host(
        HostSettings.common(request, gpus, raisesLimits), request.environment());
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

  /**
   * Returns how a container's GPUs are requested.
   *
   * @throws ContainerException GPUS_UNFIT if it is to have GPUs, and there is no way
   */
  GpuRequest gpuRequest(GpuAttachment gpus, EngineDescription engine) {
    return switch (gpus) {
      case GpuAttachment.None _ -> GpuRequest.of(gpus, GpuAccess.NONE, engine);
      case GpuAttachment.Devices(List<String> uuids) -> {
        List<String> cdiDevices = cdiDevices(engine);
        GpuAccess access = GpuAccessDetection.detect(mode, engine, hookInstalled(), cdiDevices);
        if (access == GpuAccess.CDI) {
          GpuAccessDetection.requireSpecified(uuids, cdiDevices);
        }
        yield GpuRequest.of(gpus, access, engine);
      }
    };
  }

  private GpuAccess gpuAccess(EngineDescription engine) {
    return GpuAccessDetection.detect(mode, engine, hookInstalled(), cdiDevices(engine));
  }

  private static List<String> cdiDevices(EngineDescription engine) {
    return engine.cdiDevices().isEmpty()
        ? CdiSpecifications.deviceNames(engine.cdiDirectories())
        : engine.cdiDevices();
  }

  private static boolean hookInstalled() {
    return HOOK_PLACES.stream().anyMatch(place -> Files.isExecutable(place.resolve(HOOK)));
  }
}
