package io.gpurunner.api;

import java.util.Set;

/**
 * The variables that decide which GPUs a process sees. A job that sets one is refused. The code
 * that creates containers also removes them, and that is what counts.
 */
public final class ReservedVariables {
  private static final Set<String> NAMES =
      Set.of(
          "CUDA_VISIBLE_DEVICES",
          "GPU_DEVICE_ORDINAL",
          "HIP_VISIBLE_DEVICES",
          "ROCR_VISIBLE_DEVICES");

  /**
   * The prefix of the container tools' own variables (VISIBLE_DEVICES, DRIVER_CAPABILITIES, MIG_*,
   * REQUIRE_*, DISABLE_REQUIRE, IMEX_CHANNELS, GDS …). All of them are refused, because their
   * number grows with each release.
   */
  private static final String PREFIX = "NVIDIA_";

  /** A variable with that prefix that is only a switch of cuBLAS's arithmetic. */
  private static final String NOT_RESERVED = "NVIDIA_TF32_OVERRIDE";

  private ReservedVariables() {}

  /** Returns whether this variable is reserved, so that no job may set it. */
  public static boolean isReserved(String name) {
    return NAMES.contains(name) || (name.startsWith(PREFIX) && !name.equals(NOT_RESERVED));
  }
}
