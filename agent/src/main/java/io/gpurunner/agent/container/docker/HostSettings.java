package io.gpurunner.agent.container.docker;

import com.github.dockerjava.api.model.BindOptions;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.DockerObjectAccessor;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.LogConfig.LoggingType;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.Ulimit;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import java.util.List;
import java.util.stream.Stream;

/** Sets what the container of a job may do and have on this host. Pure. */
final class HostSettings {
  /**
   * The largest number of processes and threads in a container. It is half of the smallest default
   * of {@code kernel.pid_max} (32768), so that one job cannot take the host's last one. It is far
   * above what data loaders need.
   */
  static final long PIDS_LIMIT = 16_384;

  /** When memory runs out, the kernel kills a job before the host's own services (0) or Docker. */
  private static final int OOM_SCORE = 500;

  /**
   * The resource limits of a job with GPUs, soft and hard, as NVIDIA's images for training ask for:
   * {@code docker run --ulimit memlock=-1 --ulimit stack=67108864}. CUDA and NCCL lock memory for
   * their transfers, and their threads need large stacks.
   *
   * <p>An engine that may not raise limits would start no container with them. Such an engine is
   * rootless, or lacks CAP_SYS_RESOURCE. There, and for jobs without GPUs, the engine's own limits
   * count: default-ulimits in its daemon.json.
   */
  private static final Ulimit[] GPU_LIMITS = {
    new Ulimit("memlock", -1L, -1L), // unlimited
    new Ulimit("stack", 64L << 20, 64L << 20)
  };

  /**
   * The capabilities that a job keeps. All others are dropped, above all NET_RAW (forged packets on
   * the bridge), MKNOD (device nodes) and every SYS_ and NET_ one.
   */
  private static final Capability[] CAPABILITIES = {
    // Images run as root and write to directories of other owners: the volumes, pip's and tar's.
    Capability.CHOWN,
    Capability.DAC_OVERRIDE,
    Capability.FOWNER,
    Capability.FSETID,
    // Entry points start as root and go on as a service user.
    Capability.SETUID,
    Capability.SETGID,
    // A supervisor that is root stops its children that are not.
    Capability.KILL
  };

  private HostSettings() {}

  /**
   * @param raisesLimits whether the engine may raise resource limits
   * @param imageVolumes what takes the place of the volumes that the image declares
   */
  static HostConfig of(
      ContainerSpec spec, GpuRequest gpus, boolean raisesLimits, List<Mount> imageVolumes) {
    return common(gpus, spec.gpus(), raisesLimits)
        .withMounts(
            Stream.concat(spec.mounts().stream().map(HostSettings::mount), imageVolumes.stream())
                .toList())
        .withShmSize(spec.sharedMemoryBytes());
  }

  /**
   * Returns what the containers of all jobs have in common.
   *
   * @param raisesLimits whether the engine may raise resource limits
   */
  static HostConfig common(GpuRequest gpus, GpuAttachment attachment, boolean raisesLimits) {
    HostConfig host =
        HostConfig.newHostConfig()
            .withInit(true)
            .withPidsLimit(PIDS_LIMIT)
            .withSecurityOpts(List.of("no-new-privileges"))
            .withPrivileged(false)
            .withCapDrop(Capability.ALL)
            .withCapAdd(CAPABILITIES)
            .withIpcMode("private")
            // The engine's default, a bridge, and never the host's network. So a job cannot reach
            // the host's loopback, on which the agent listens unless http.host says otherwise. It
            // can reach what listens on all addresses.
            .withNetworkMode("default")
            .withLogConfig(new LogConfig(LoggingType.JSON_FILE, LogLimits.JSON_FILE))
            .withRestartPolicy(RestartPolicy.noRestart())
            .withAutoRemove(false)
            .withOomScoreAdj(OOM_SCORE)
            .withDeviceRequests(gpus.devices());
    gpus.runtime().ifPresent(host::withRuntime);
    if (raisesLimits && attachment instanceof GpuAttachment.Devices) {
      host.withUlimits(GPU_LIMITS);
    }
    return host;
  }

  /** Describes a mount. Unlike a "bind", it is refused if the host directory does not exist. */
  private static Mount mount(ContainerSpec.Mount mount) {
    Mount result =
        new Mount()
            .withType(MountType.BIND)
            .withSource(mount.hostPath().toString())
            .withTarget(mount.containerPath())
            .withReadOnly(mount.readOnly());
    return mount.readOnly() ? result.withBindOptions(withoutSubmounts()) : result;
  }

  /**
   * Makes the mount itself read-only. Before Docker 25 (and on kernels before 5.12) read-only
   * covers only the mount, and file systems mounted below it would stay writable. They are left out
   * instead.
   */
  @SuppressWarnings("deprecation") // the library has no other way to set a key it does not know
  private static BindOptions withoutSubmounts() {
    BindOptions options = new BindOptions();
    DockerObjectAccessor.overrideRawValue(options, "NonRecursive", true);
    return options;
  }
}
