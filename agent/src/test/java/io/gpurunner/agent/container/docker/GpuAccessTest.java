package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.model.DeviceRequest;
import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerSpec.GpuAttachment;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests how the way of GPUs into containers is detected and requested. */
final class GpuAccessTest {
  private static final String UUID_A = "GPU-6e7a1c1e-0000-4444-8888-00000000000a";
  private static final String UUID_B = "GPU-6e7a1c1e-0000-4444-8888-00000000000b";
  private static final List<String> CDI_BY_UUID = List.of("nvidia.com/gpu=" + UUID_A);

  private static EngineDescription engine(Map<String, String> runtimes, String defaultRuntime) {
    return new EngineDescription(
        "26.1.5",
        runtimes,
        defaultRuntime,
        List.of(),
        List.of(),
        Optional.empty(),
        false,
        false,
        false);
  }

  private static final EngineDescription PLAIN = engine(Map.of("runc", ""), "runc");
  private static final EngineDescription NVIDIA =
      engine(Map.of("runc", "", "nvidia", "nvidia-container-runtime"), "runc");

  @Test
  void cdiByUuidIsPreferredThenTheRuntimeAndWithoutBothItIsAFault() {
    assertThat(GpuAccessDetection.detect(GpuAccessMode.AUTO, NVIDIA, true, CDI_BY_UUID))
        .isEqualTo(GpuAccess.CDI);
    assertThat(GpuAccessDetection.detect(GpuAccessMode.AUTO, NVIDIA, false, List.of()))
        .isEqualTo(GpuAccess.RUNTIME);
    assertThat(GpuAccessDetection.detect(GpuAccessMode.AUTO, PLAIN, true, List.of()))
        .isEqualTo(GpuAccess.RUNTIME);
    assertRefused(GpuAccessMode.AUTO, PLAIN, "no GPU can reach a container");
  }

  @Test
  void cdiByOrdinalIsNoUse() {
    List<String> byOrdinal = List.of("nvidia.com/gpu=0", "nvidia.com/gpu=all", "vendor/x=GPU-1");
    assertThat(GpuAccessDetection.detect(GpuAccessMode.AUTO, NVIDIA, false, byOrdinal))
        .isEqualTo(GpuAccess.RUNTIME);
  }

  @Test
  void whatIsConfiguredIsTaken() {
    assertThat(GpuAccessDetection.detect(GpuAccessMode.NONE, NVIDIA, true, CDI_BY_UUID))
        .isEqualTo(GpuAccess.NONE);
    assertThat(GpuAccessDetection.detect(GpuAccessMode.RUNTIME, NVIDIA, false, CDI_BY_UUID))
        .isEqualTo(GpuAccess.RUNTIME);
    assertThat(GpuAccessDetection.detect(GpuAccessMode.CDI, PLAIN, false, CDI_BY_UUID))
        .isEqualTo(GpuAccess.CDI);
  }

  @Test
  void whatIsConfiguredButAbsentIsRefusedWithWhatToInstall() {
    assertRefused(GpuAccessMode.RUNTIME, PLAIN, "nvidia-container-toolkit");
    assertRefused(GpuAccessMode.CDI, PLAIN, "\"cdi\":true");
    assertRefused(
        GpuAccessMode.CDI,
        new EngineDescription(
            "28.3.0",
            Map.of(),
            "runc",
            List.of("/etc/cdi"),
            List.of("nvidia.com/gpu=0"),
            Optional.empty(),
            false,
            false,
            false),
        "nvidia-ctk cdi generate --device-name-strategy=uuid");
    assertRefused(
        GpuAccessMode.CDI,
        new EngineDescription(
            "20.10.24+dfsg1",
            Map.of(),
            "runc",
            List.of(),
            List.of(),
            Optional.empty(),
            false,
            false,
            false),
        "Docker 25");
  }

  private static void assertRefused(GpuAccessMode mode, EngineDescription engine, String advice) {
    assertThatThrownBy(() -> GpuAccessDetection.detect(mode, engine, false, engine.cdiDevices()))
        .isInstanceOfSatisfying(
            ContainerException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(Kind.GPUS_UNFIT);
              assertThat(e).hasMessageContaining("docker.gpu-access").hasMessageContaining(advice);
            });
  }

  @Test
  void theRuntimeIsAskedForTheLeasedDevicesOnly() {
    GpuRequest request =
        GpuRequest.of(
            new GpuAttachment.Devices(List.of(UUID_A, UUID_B)), GpuAccess.RUNTIME, NVIDIA);
    assertThat(request.devices()).hasSize(1);
    DeviceRequest device = request.devices().getFirst();
    assertThat(device.getDriver()).isEqualTo("nvidia");
    assertThat(device.getDeviceIds()).containsExactly(UUID_A, UUID_B);
    assertThat(device.getCount()).isNull();
    assertThat(device.getCapabilities())
        .containsExactly(List.of("gpu", "compute", "utility", "video"));
    assertThat(request.visibleDevices()).isEqualTo(UUID_A + "," + UUID_B);
    assertThat(request.runtime()).isEmpty();
  }

  @Test
  void cdiIsAskedForTheLeasedDevicesOnly() {
    GpuRequest request =
        GpuRequest.of(new GpuAttachment.Devices(List.of(UUID_A)), GpuAccess.CDI, PLAIN);
    assertThat(request.devices()).hasSize(1);
    assertThat(request.devices().getFirst().getDriver()).isEqualTo("cdi");
    assertThat(request.devices().getFirst().getDeviceIds())
        .containsExactly("nvidia.com/gpu=" + UUID_A);
    assertThat(request.visibleDevices()).isEqualTo("void");
  }

  @Test
  void simulatedDevicesAreNotAttached() {
    GpuRequest request =
        GpuRequest.of(new GpuAttachment.Devices(List.of(UUID_A)), GpuAccess.NONE, PLAIN);
    assertThat(request.devices()).isEmpty();
    assertThat(request.visibleDevices()).isEqualTo("void");
  }

  @Test
  void anNvidiaDefaultRuntimeIsGoneAround() {
    EngineDescription byName = engine(Map.of("runc", "", "nvidia", "x"), "nvidia");
    EngineDescription byPath =
        engine(Map.of("runc", "", "gpu", "/usr/bin/nvidia-container-runtime"), "gpu");
    for (EngineDescription engine : List.of(byName, byPath)) {
      GpuRequest request = GpuRequest.of(new GpuAttachment.None(), GpuAccess.RUNTIME, engine);
      assertThat(request.runtime()).contains("runc");
      assertThat(request.visibleDevices()).isEqualTo("void");
    }
    assertThat(GpuRequest.of(new GpuAttachment.None(), GpuAccess.NONE, PLAIN).runtime()).isEmpty();
  }

  @Test
  void cdiSpecificationsAreRead(@TempDir Path folder) throws IOException {
    Files.writeString(
        folder.resolve("nvidia.yaml"),
        "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n- name: "
            + UUID_A
            + "\n");
    Files.writeString(
        folder.resolve("b.json"),
        "{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"" + UUID_B + "\"}]}");
    Files.writeString(folder.resolve("broken.yaml"), "{");
    Files.writeString(folder.resolve("other.yaml"), "- 1");
    Files.writeString(folder.resolve("notes.txt"), "kind: nvidia.com/gpu");
    assertThat(
            CdiSpecifications.deviceNames(
                List.of(folder.toString(), folder.resolve("absent").toString())))
        .containsExactlyInAnyOrder(
            "nvidia.com/gpu=0", "nvidia.com/gpu=" + UUID_A, "nvidia.com/gpu=" + UUID_B);
  }
}
