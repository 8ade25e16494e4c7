package io.gpurunner.gpu;

/**
 * The exception of this module. Its message names the function, the device and the library's own
 * words, and says what to do. Callers of {@link GpuInventory} see it only as the text of a {@code
 * fault}.
 */
public final class GpuException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What went wrong. */
  public enum Kind {
    /** There is no such library: no NVIDIA driver on this machine. */
    LIBRARY_NOT_FOUND(false),
    /** There is a library, but it cannot be loaded or is not NVML. */
    LIBRARY_UNUSABLE(false),
    /** The library is there, but the kernel's driver is not loaded. */
    DRIVER_NOT_LOADED(true),
    /** The library and the kernel's driver are of different versions. */
    DRIVER_MISMATCH(false),
    /** This process may not use the driver. */
    NO_PERMISSION(false),
    /** NVML works but lists no device. */
    NO_DEVICES(true),
    /** NVML forgot that it was initialised, and must be opened again. */
    SESSION_LOST(true),
    /** This device is off the bus or waits for a reset. */
    DEVICE_LOST(false),
    /** This device or driver does not have the function. */
    NOT_SUPPORTED(false),
    /** NVML itself does not know what went wrong with this device. */
    UNKNOWN(true),
    /** Any other failure. */
    FAILED(true);

    private final boolean retry;

    Kind(boolean retry) {
      this.retry = retry;
    }

    /** Returns whether a retry may succeed without anybody's help. */
    public boolean retry() {
      return retry;
    }
  }

  private final Kind kind;

  GpuException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  GpuException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** Returns what went wrong. */
  public Kind kind() {
    return kind;
  }

  /** Returns whether the whole session with NVML is void, and not only the call for one device. */
  boolean endsSession() {
    return switch (kind) {
      case LIBRARY_NOT_FOUND,
          LIBRARY_UNUSABLE,
          DRIVER_NOT_LOADED,
          DRIVER_MISMATCH,
          NO_DEVICES,
          SESSION_LOST ->
          true;
      case NO_PERMISSION, DEVICE_LOST, NOT_SUPPORTED, UNKNOWN, FAILED -> false;
    };
  }
}
