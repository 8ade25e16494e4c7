package io.gpurunner.agent.container.docker;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.EngineProbe.GpuAccess;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Knows when {@code systemctl daemon-reload} takes the GPUs from running containers. NVIDIA's hook
 * allows the devices behind the back of systemd. Where systemd manages the control groups of
 * containers, it writes its own device rules again at a reload, and CUDA then fails with "unknown
 * error". systemd knows the devices by themselves if they have links in {@code /dev/char} (NVIDIA
 * Container Toolkit, "Troubleshooting", "Containers losing access to GPUs"). Stateless.
 */
final class ReloadTrap {
  private ReloadTrap() {}

  /** Returns what is wrong, and how to mend it. It is empty if nothing is. */
  static Optional<String> advice(GpuAccess access, EngineDescription engine) {
    return advice(access, engine, Path.of("/dev"));
  }

  static Optional<String> advice(GpuAccess access, EngineDescription engine, Path dev) {
    return access == GpuAccess.RUNTIME && engine.systemdManagesCgroups() && lacksLinks(dev)
        ? Optional.of(
            "\"systemctl daemon-reload\" takes the GPUs from running containers here, because systemd"
                + " manages their control groups and NVIDIA's hook attaches the GPUs: use CDI (switch"
                + " Docker's feature cdi on and run \"nvidia-ctk cdi generate"
                + " --device-name-strategy=uuid --output=/etc/cdi/nvidia.yaml\"), or run \"nvidia-ctk"
                + " system create-dev-char-symlinks --create-all\" at each boot")
        : Optional.empty();
  }

  private static boolean lacksLinks(Path dev) {
    try {
      return NvidiaNodes.in(dev).stream()
          .anyMatch(
              minor -> !Files.exists(dev.resolve("char/195:" + minor), LinkOption.NOFOLLOW_LINKS));
    } catch (ContainerException unreadable) {
      return false;
    }
  }
}
