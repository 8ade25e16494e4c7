package io.gpurunner.gpu;

import io.gpurunner.gpu.GpuException.Kind;

/**
 * The meaning of a {@code nvmlReturn_t} other than success. The numbers and names are those of
 * {@code nvml.h}.
 */
enum NvmlReturn {
  UNINITIALIZED(1, Kind.SESSION_LOST),
  INVALID_ARGUMENT(2, Kind.FAILED),
  NOT_SUPPORTED(3, Kind.NOT_SUPPORTED),
  NO_PERMISSION(
      4,
      Kind.NO_PERMISSION,
      "run the agent as root, or let its user and the unit's DeviceAllow open /dev/nvidiactl and"
          + " /dev/nvidia*"),
  NOT_FOUND(6, Kind.FAILED),
  INSUFFICIENT_SIZE(7, Kind.FAILED),
  INSUFFICIENT_POWER(8, Kind.FAILED, "check the device's external power cables"),
  DRIVER_NOT_LOADED(
      9, Kind.DRIVER_NOT_LOADED, "load the NVIDIA kernel module (modprobe nvidia; see dmesg)"),
  TIMEOUT(10, Kind.FAILED),
  IRQ_ISSUE(11, Kind.FAILED, "see dmesg for the NVIDIA driver's interrupt errors"),
  LIBRARY_NOT_FOUND(
      12,
      Kind.LIBRARY_UNUSABLE,
      "reinstall the NVIDIA driver: NVML does not find a library that it needs"),
  FUNCTION_NOT_FOUND(13, Kind.NOT_SUPPORTED),
  CORRUPTED_INFOROM(14, Kind.FAILED, "the device's information ROM is corrupted; replace it"),
  GPU_IS_LOST(
      15,
      Kind.DEVICE_LOST,
      "it fell off the bus (see dmesg for its Xid error); reset it or power-cycle the machine"),
  RESET_REQUIRED(
      16,
      Kind.DEVICE_LOST,
      "reset it (nvidia-smi --gpu-reset) or reboot the machine" + HealthSigns.LET_GO),
  OPERATING_SYSTEM(17, Kind.FAILED, "see dmesg for what the kernel blocked"),
  LIB_RM_VERSION_MISMATCH(
      18,
      Kind.DRIVER_MISMATCH,
      "the driver was updated while its old kernel module stays loaded; reload the module or reboot"
          + " the machine"),
  IN_USE(19, Kind.FAILED),
  MEMORY(20, Kind.FAILED, "the machine is out of memory"),
  NO_DATA(21, Kind.FAILED),
  INSUFFICIENT_RESOURCES(23, Kind.FAILED),
  ARGUMENT_VERSION_MISMATCH(25, Kind.NOT_SUPPORTED),
  DEPRECATED(26, Kind.NOT_SUPPORTED),
  NOT_READY(27, Kind.FAILED),
  GPU_NOT_FOUND(28, Kind.DEVICE_LOST, "it is no longer on the bus; power-cycle the machine"),
  INVALID_STATE(29, Kind.FAILED),
  UNKNOWN(999, Kind.UNKNOWN, "see dmesg for what the NVIDIA driver says");

  static final int SUCCESS = 0;

  private final int code;
  private final Kind kind;
  private final String advice;

  NvmlReturn(int code, Kind kind) {
    this(code, kind, "");
  }

  NvmlReturn(int code, Kind kind, String advice) {
    this.code = code;
    this.kind = kind;
    this.advice = advice;
  }

  /** Returns the meaning of a code. A code that is newer than this list is {@link #UNKNOWN}. */
  static NvmlReturn of(int code) {
    for (NvmlReturn known : values()) {
      if (known.code == code) {
        return known;
      }
    }
    return UNKNOWN;
  }

  /** Returns whether an older version of the function may work instead. */
  static boolean asksForOlderVersion(int code) {
    return of(code).kind == Kind.NOT_SUPPORTED;
  }

  /**
   * Returns whether a device, driver or process will not have the function later either, so that
   * what it would tell is absent.
   */
  static boolean isAbsence(int code) {
    return switch (of(code)) {
      case NOT_SUPPORTED,
          FUNCTION_NOT_FOUND,
          ARGUMENT_VERSION_MISMATCH,
          DEPRECATED,
          INVALID_ARGUMENT,
          NO_PERMISSION,
          NO_DATA ->
          true;
      default -> false;
    };
  }

  /**
   * @param subject the function and the device, {@code nvmlDeviceGetName of GPU 1}
   * @param words what {@code nvmlErrorString} says of the code
   */
  static GpuException exception(String subject, int code, String words) {
    NvmlReturn meaning = of(code);
    String message = subject + " failed: " + words + " (nvmlReturn_t " + code + ")";
    // A code that is newer than this list is not NVML's own "unknown".
    Kind kind = meaning == UNKNOWN && code != UNKNOWN.code ? Kind.FAILED : meaning.kind;
    return new GpuException(
        kind, meaning.advice.isEmpty() ? message : message + "; " + meaning.advice);
  }
}
