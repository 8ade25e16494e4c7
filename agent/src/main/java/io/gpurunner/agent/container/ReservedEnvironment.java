package io.gpurunner.agent.container;

import java.util.Set;

/**
 * Variables that decide which GPUs a process sees, or how its container is run. The API refuses a
 * job that sets one; they are taken out here too, where it counts.
 */
final class ReservedEnvironment {
  static final Set<String> NAMES =
      Set.of(
          "CUDA_VISIBLE_DEVICES",
          "NVIDIA_VISIBLE_DEVICES",
          "NVIDIA_DRIVER_CAPABILITIES",
          "NVIDIA_MIG_CONFIG_DEVICES",
          "NVIDIA_MIG_MONITOR_DEVICES",
          "NVIDIA_IMEX_CHANNELS",
          "GPU_DEVICE_ORDINAL",
          "TINI_KILL_PROCESS_GROUP");

  private ReservedEnvironment() {}
}
