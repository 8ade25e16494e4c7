package io.gpurunner.agent.container.docker;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Device nodes, which only root can make. */
final class NvidiaNodesIT {
  @TempDir private Path dev;

  private void node(String name, int major, int minor) throws Exception {
    Process mknod =
        new ProcessBuilder(
                "mknod",
                dev.resolve(name).toString(),
                "c",
                Integer.toString(major),
                Integer.toString(minor))
            .inheritIO()
            .start();
    assertThat(mknod.waitFor()).as("mknod %s (run make test as root)", name).isZero();
  }

  @Test
  void gpusAreFoundByNumberAndByName() throws Exception {
    node("nvidia0", 195, 0);
    node("card", 195, 17);
    node("nvidia5", 1, 3);
    node("nvidiactl", 195, 255);
    node("nvidia-modeset", 195, 254);
    node("nvidia-uvm", 511, 0);
    Files.createFile(dev.resolve("nvidia9"));
    Files.createDirectory(dev.resolve("nvidia8"));
    Files.createSymbolicLink(dev.resolve("nvidia7"), Path.of("nvidia0"));
    assertThat(NvidiaNodes.in(dev)).containsExactly(0, 5, 17);
  }

  @Test
  void aReloadOfSystemdIsATrapForTheHookWithoutLinks() throws Exception {
    node("nvidia0", 195, 0);
    node("nvidia1", 195, 1);
    assertThat(advice(GpuAccess.RUNTIME, true).orElseThrow())
        .contains("daemon-reload", "nvidia-ctk cdi generate", "create-dev-char-symlinks");
    assertThat(advice(GpuAccess.CDI, true)).isEmpty();
    assertThat(advice(GpuAccess.RUNTIME, false)).isEmpty();
    Files.createDirectory(dev.resolve("char"));
    Files.createSymbolicLink(dev.resolve("char/195:0"), Path.of("../nvidia0"));
    assertThat(advice(GpuAccess.RUNTIME, true)).isPresent();
    Files.createSymbolicLink(dev.resolve("char/195:1"), Path.of("../nvidia1"));
    assertThat(advice(GpuAccess.RUNTIME, true)).isEmpty();
  }

  private Optional<String> advice(GpuAccess access, boolean systemd) {
    EngineDescription engine =
        new EngineDescription(
            "26.1.5",
            Map.of(),
            "runc",
            List.of(),
            List.of(),
            Optional.empty(),
            systemd,
            false,
            false);
    return ReloadTrap.advice(access, engine, dev);
  }
}
