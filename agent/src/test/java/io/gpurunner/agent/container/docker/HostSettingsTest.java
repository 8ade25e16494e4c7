package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.BindOptions;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.Ulimit;
import io.gpurunner.agent.container.ContainerName;
import io.gpurunner.agent.container.ContainerSpec;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import io.gpurunner.api.ImageReference;
import io.gpurunner.api.JobId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests that the engine is asked for everything that keeps a job from its host. */
final class HostSettingsTest {
  private static HostConfig settings() {
    return settings(new GpuAttachment.None(), true);
  }

  private static HostConfig settings(GpuAttachment gpus, boolean raisesLimits) {
    ContainerSpec spec = spec(gpus);
    EngineDescription engine =
        new EngineDescription(
            "20.10.24",
            Map.of(),
            "runc",
            List.of(),
            List.of(),
            Optional.empty(),
            false,
            false,
            false);
    return HostSettings.of(
        spec, GpuRequest.of(spec.gpus(), GpuAccess.NONE, engine), raisesLimits, List.of());
  }

  @Test
  void aJobWithGpusMayLockMemoryAndHasLargeStacksWhereTheEngineMayRaiseLimits() {
    GpuAttachment gpus = new GpuAttachment.Devices(List.of("GPU-a"));
    assertThat(settings(gpus, true).getUlimits())
        .containsExactly(
            new Ulimit("memlock", -1L, -1L), new Ulimit("stack", 67_108_864L, 67_108_864L));
    assertThat(settings(gpus, false).getUlimits()).isNull();
    assertThat(settings().getUlimits()).isNull();
  }

  @Test
  void aRuntimeIsAskedForOnlyWhereTheGpusNeedOne() {
    GpuRequest none = new GpuRequest(List.of(), "", Optional.empty());
    GpuRequest nvidia = new GpuRequest(List.of(), "GPU-a", Optional.of("nvidia"));
    assertThat(HostSettings.of(spec(new GpuAttachment.None()), none, true, List.of()).getRuntime())
        .isNull();
    assertThat(
            HostSettings.of(spec(new GpuAttachment.None()), nvidia, true, List.of()).getRuntime())
        .isEqualTo("nvidia");
  }

  private static ContainerSpec spec(GpuAttachment gpus) {
    return new ContainerSpec(
        new ContainerName(JobId.random(), 1),
        ImageReference.of("busybox"),
        List.of(),
        Map.of(),
        List.of(
            new ContainerSpec.Mount(Path.of("/jobs/1/model"), "/model", false),
            new ContainerSpec.Mount(Path.of("/library/set"), "/set", true)),
        gpus,
        1 << 26);
  }

  @Test
  void aJobGetsNoPrivilegeAndCannotGainOne() {
    assertThat(settings().getPrivileged()).isFalse();
    assertThat(settings().getSecurityOpts()).containsExactly("no-new-privileges");
    assertThat(settings().getCapDrop()).containsExactly(Capability.ALL);
    assertThat(settings().getCapAdd())
        .containsExactlyInAnyOrder(
            Capability.CHOWN,
            Capability.DAC_OVERRIDE,
            Capability.FOWNER,
            Capability.FSETID,
            Capability.SETUID,
            Capability.SETGID,
            Capability.KILL);
  }

  @Test
  void aJobCannotTakeAllProcessesOfTheHost() {
    assertThat(settings().getPidsLimit()).isEqualTo(16_384);
    assertThat(settings().getOomScoreAdj()).isEqualTo(500);
  }

  @Test
  void aJobSeesNeitherTheHostsNetworkNorItsSharedMemory() {
    assertThat(settings().getNetworkMode()).isEqualTo("default");
    assertThat(settings().getIpcMode()).isEqualTo("private");
    assertThat(settings().getShmSize()).isEqualTo(1 << 26);
  }

  @Test
  void aContainerIsStartedByTheAgentOnly() {
    assertThat(settings().getRestartPolicy()).isEqualTo(RestartPolicy.noRestart());
    assertThat(settings().getAutoRemove()).isFalse();
    assertThat(settings().getInit()).isTrue();
  }

  @Test
  void aLibraryIsReadOnlyAndWithoutWhatIsMountedBelowIt() {
    List<Mount> mounts = Objects.requireNonNull(settings().getMounts());
    assertThat(mounts)
        .extracting(Mount::getSource)
        .containsExactly("/jobs/1/model", "/library/set");
    assertThat(mounts).extracting(Mount::getReadOnly).containsExactly(false, true);
    BindOptions library = Objects.requireNonNull(mounts.getLast().getBindOptions());
    assertThat(library.getRawValues()).containsEntry("NonRecursive", true);
  }
}
