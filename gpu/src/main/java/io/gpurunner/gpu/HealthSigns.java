package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuHealth.Level;
import io.gpurunner.gpu.GpuHealth.Sign;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Reads a device's details for what they say of its health. Pure; thread-safe. The numbers are
 * those of {@code nvml.h}.
 */
final class HealthSigns {
  /** How a message says that the agent itself must let go of a device before a reset. */
  static final String LET_GO =
      "; the agent must let go of it first (gpurunner gpus release-driver UUID), and take it again"
          + " afterwards (gpurunner gpus take)";

  /** {@code nvmlDeviceGpuRecoveryAction_t}. */
  private static final long NOTHING = 0;

  private static final long RESET = 1;
  private static final long REBOOT = 2;
  private static final long DRAIN_P2P = 3;
  private static final long DRAIN_AND_RESET = 4;
  private static final long RECOVER_IMEX = 5;

  /** {@code NVML_COMPUTEMODE_PROHIBITED}. */
  private static final long PROHIBITED = 2;

  /** {@code NVML_GPU_FABRIC_STATE_NOT_STARTED} and {@code …_IN_PROGRESS}. */
  private static final long FABRIC_NOT_STARTED = 1;

  private static final long FABRIC_IN_PROGRESS = 2;
  private static final long FABRIC_COMPLETED = 3;

  private HealthSigns() {}

  /** Returns the signs of wear and damage that a look shows. */
  static List<Sign> of(GpuDetails details) {
    List<Sign> signs = new ArrayList<>();
    recoveryAction(details, signs);
    memory(details, signs);
    slowdown(details, signs);
    return signs;
  }

  /** Returns whether NVIDIA's driver says that nothing has to be done about the device. */
  static boolean isCalledSound(GpuDetails details) {
    return details.is(GpuFact.RECOVERY_ACTION, NOTHING);
  }

  private static void recoveryAction(GpuDetails details, List<Sign> signs) {
    OptionalLong action = details.get(GpuFact.RECOVERY_ACTION);
    if (action.isEmpty() || action.getAsLong() == NOTHING) {
      return;
    }
    if (action.getAsLong() == RECOVER_IMEX) {
      signs.add(new Sign(Level.WATCH, "NVIDIA's driver asks for a recovery of the IMEX domain"));
      return;
    }
    String wanted =
        switch ((int) action.getAsLong()) {
          case (int) RESET -> "a reset of it (nvidia-smi --gpu-reset)";
          case (int) REBOOT -> "a boot of the machine";
          case (int) DRAIN_P2P -> "an end of the jobs that use it together with other GPUs";
          case (int) DRAIN_AND_RESET ->
              "an end of its jobs and a reset of it (nvidia-smi --gpu-reset)";
          default -> "a recovery of it (action " + action.getAsLong() + "); see nvidia-smi -q";
        };
    signs.add(new Sign(Level.DAMAGE, "NVIDIA's driver asks for " + wanted));
  }

  private static void memory(GpuDetails details, List<Sign> signs) {
    if (details.is(GpuFact.ROW_REMAP_FAILED, 1)) {
      signs.add(
          new Sign(
              Level.DAMAGE,
              "a bad row of its memory could not be replaced; have the device replaced"));
    }
    if (details.is(GpuFact.ROW_REMAP_PENDING, 1)) {
      signs.add(new Sign(Level.WATCH, "a bad row of its memory is replaced at the next reset"));
    }
    if (details.is(GpuFact.RETIRED_PAGES_PENDING, 1)) {
      signs.add(new Sign(Level.WATCH, "a bad page of its memory is retired at the next reset"));
    }
    OptionalLong errors = details.get(GpuFact.ECC_UNCORRECTED);
    if (errors.isPresent() && errors.getAsLong() > 0) {
      String words = errors.getAsLong() + " memory errors could not be corrected";
      // A newer driver says itself whether they harm. It contains most of them.
      signs.add(
          isCalledSound(details)
              ? new Sign(Level.WATCH, words)
              : new Sign(Level.DAMAGE, words + "; reset it (nvidia-smi --gpu-reset)"));
    }
  }

  private static void slowdown(GpuDetails details, List<Sign> signs) {
    long reasons = details.get(GpuFact.CLOCK_REASONS).orElse(0);
    if ((reasons & (ClockReasons.SW_THERMAL | ClockReasons.HW_THERMAL)) != 0) {
      signs.add(new Sign(Level.WATCH, "it is slowed down, because it is too hot"));
    } else if ((reasons & ClockReasons.POWER_BRAKE) != 0) {
      signs.add(new Sign(Level.WATCH, "it is slowed down, because the power supply asked for it"));
    } else if ((reasons & ClockReasons.HW_SLOWDOWN) != 0) {
      signs.add(
          new Sign(Level.WATCH, "it is slowed down by its hardware, for its heat or its power"));
    }
  }

  /**
   * Returns why a device cannot be used as it is set now. That is no damage, and ends with the
   * setting.
   */
  static Optional<String> unusableSetting(GpuDetails details, int ordinal) {
    if (details.is(GpuFact.MIG_MODE, 1)) {
      return Optional.of(
          "MIG mode is on, and MIG instances are not handed out; turn it off (nvidia-smi -i "
              + ordinal
              + " -mig 0), or use the device for other work"
              + LET_GO);
    }
    if (details.is(GpuFact.COMPUTE_MODE, PROHIBITED)) {
      return Optional.of(
          "its compute mode is \"prohibited\", so no program can compute on it; change it"
              + " (nvidia-smi -i "
              + ordinal
              + " -c 0)");
    }
    return fabric(details);
  }

  private static Optional<String> fabric(GpuDetails details) {
    if (details.is(GpuFact.FABRIC_STATE, FABRIC_NOT_STARTED)
        || details.is(GpuFact.FABRIC_STATE, FABRIC_IN_PROGRESS)) {
      return Optional.of(
          "it is not registered at the NVSwitch fabric yet, so programs fail with CUDA error 802;"
              + " start NVIDIA's fabric manager (systemctl status nvidia-fabricmanager)");
    }
    OptionalLong status = details.get(GpuFact.FABRIC_STATUS);
    if (details.is(GpuFact.FABRIC_STATE, FABRIC_COMPLETED)
        && status.isPresent()
        && status.getAsLong() != NvmlReturn.SUCCESS) {
      return Optional.of(
          "its registration at the NVSwitch fabric failed (nvmlReturn_t "
              + status.getAsLong()
              + "); see the log of nvidia-fabricmanager");
    }
    return Optional.empty();
  }
}
