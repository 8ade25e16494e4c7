package io.gpurunner.api;

import java.util.Set;

/**
 * Variables that decide which GPUs a process sees, or how its container is run. A job that sets one
 * is refused; whoever makes containers takes them out too, where it counts.
 */
public final class ReservedVariables {
  private static final Set<String> NAMES =
      Set.of(
          "CUDA_VISIBLE_DEVICES",
          "GPU_DEVICE_ORDINAL",
          "HIP_VISIBLE_DEVICES",
          "ROCR_VISIBLE_DEVICES",
          "TINI_KILL_PROCESS_GROUP");

  /**
   * The container tools' own family (VISIBLE_DEVICES, DRIVER_CAPABILITIES, MIG_*, REQUIRE_*,
   * DISABLE_REQUIRE, IMEX_CHANNELS, GDS …), refused whole because it grows with their releases.
   */
  private static final String PREFIX = "NVIDIA_";

  /** Of that prefix, yet only a switch of cuBLAS's arithmetic. */
  private static final String NOT_RESERVED = "NVIDIA_TF32_OVERRIDE";

  private ReservedVariables() {}

  /** Whether no job may set this variable. */
  public static boolean isReserved(String name) {
    return NAMES.contains(name) || (name.startsWith(PREFIX) && !name.equals(NOT_RESERVED));
  }
}
