package io.gpurunner.gpu;

/**
 * What a driver may tell of a device beyond its identity, memory and processes. A fact that a
 * device or driver does not support is absent. The numbers are those of {@code nvml.h}.
 */
public enum GpuFact {
  /** The number of its device node: 3 for {@code /dev/nvidia3}. It need not be the ordinal. */
  MINOR(Pace.EVERY_LOOK),
  /** What NVIDIA's driver wants done: {@code nvmlDeviceGpuRecoveryAction_t}, 0 for nothing. */
  RECOVERY_ACTION(Pace.EVERY_LOOK),
  /** 1 if the memory is protected by an error-correcting code (ECC). */
  ECC_MODE(Pace.EVERY_LOOK),
  /** Memory errors since the driver was loaded that the code could not correct. */
  ECC_UNCORRECTED(Pace.EVERY_LOOK),
  /** 1 if a row of the memory is replaced at the next reset. */
  ROW_REMAP_PENDING(Pace.EVERY_LOOK),
  /** 1 if a row of the memory could not be replaced. */
  ROW_REMAP_FAILED(Pace.EVERY_LOOK),
  /** 1 if a page of the memory is retired at the next reset. */
  RETIRED_PAGES_PENDING(Pace.EVERY_LOOK),
  /** {@code nvmlGpuFabricState_t}: 0 no NVSwitch, 1 not started, 2 in progress, 3 completed. */
  FABRIC_STATE(Pace.EVERY_LOOK),
  /** The {@code nvmlReturn_t} with which the registration at the fabric ended. */
  FABRIC_STATUS(Pace.EVERY_LOOK),
  /** {@code nvmlComputeMode_t}: 0 default, 2 prohibited, 3 one process. */
  COMPUTE_MODE(Pace.EVERY_LOOK),
  /** 1 if the device is divided into MIG instances. */
  MIG_MODE(Pace.EVERY_LOOK),
  /** The MIG mode after the next reset. */
  MIG_MODE_PENDING(Pace.EVERY_LOOK),
  /** Why its clocks are lower than they could be: the bits of {@code nvmlClocksEventReason…}. */
  CLOCK_REASONS(Pace.EVERY_LOOK),
  /** 1 if the driver keeps the device ready while nobody uses it. */
  PERSISTENCE_MODE(Pace.EVERY_FEW_LOOKS),
  /** In milliwatts. */
  POWER_MILLIWATTS(Pace.EVERY_FEW_LOOKS),
  /** The power that the driver lets the device draw now, in milliwatts. */
  POWER_LIMIT_MILLIWATTS(Pace.EVERY_FEW_LOOKS),
  /** In degrees Celsius. */
  TEMPERATURE_CELSIUS(Pace.EVERY_FEW_LOOKS),
  /** The clock of the multiprocessors (SM), in MHz. */
  SM_CLOCK_MHZ(Pace.EVERY_FEW_LOOKS),
  /** In MHz. */
  MEMORY_CLOCK_MHZ(Pace.EVERY_FEW_LOOKS),
  /** The part of the last second or less in which a kernel ran, in per cent. */
  UTILIZATION_PERCENT(Pace.EVERY_LOOK),
  /** The part of that time in which the memory was read or written, in per cent. */
  MEMORY_UTILIZATION_PERCENT(Pace.EVERY_LOOK),
  /** Since the driver was loaded, in millijoules. */
  ENERGY_MILLIJOULES(Pace.EVERY_LOOK);

  /** How often a fact is read. */
  enum Pace {
    /** With the processes: what decides whether the device is fit, and what a job did with it. */
    EVERY_LOOK,
    /** What is only shown. */
    EVERY_FEW_LOOKS
  }

  private final Pace pace;

  GpuFact(Pace pace) {
    this.pace = pace;
  }

  Pace pace() {
    return pace;
  }
}
