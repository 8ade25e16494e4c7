package io.gpurunner.gpu;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import io.gpurunner.gpu.GpuException.Kind;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToIntBiFunction;

/**
 * The loaded and initialised NVML. Every call is checked, and a failure is a {@link GpuException}.
 * Not thread-safe: one thread opens, uses and closes it.
 */
final class NvmlLibrary implements AutoCloseable {
  /**
   * The largest number of devices that NVML may report. No machine has more, so a larger number is
   * an error.
   */
  static final int MOST_DEVICES = 256;

  /** The largest number of processes of a device. A longer list is an error. */
  static final int MOST_PROCESSES = 65_536;

  private static final int FIRST_PROCESS_CAPACITY = 64;
  private static final AtomicLong OPENINGS = new AtomicLong();

  private final NativeLibrary library;
  private final LoadedFile file;
  private final NvmlApi api;
  private final Function count;
  private final Function handleByIndex;
  private final List<String> memoryFunctions;
  private final boolean hasMigMode;
  private final boolean hasMinorNumber;
  private final List<String> processFunctions;

  private NvmlLibrary(String name, NativeLibrary library, NvmlApi api) {
    this.library = library;
    this.file = LoadedFile.of(name);
    this.api = api;
    this.count = newest(library, NvmlApi.COUNT);
    this.handleByIndex = newest(library, NvmlApi.HANDLE_BY_INDEX);
    this.memoryFunctions = present(library, NvmlApi.MEMORY);
    this.hasMigMode = has(library, NvmlApi.MIG_MODE);
    this.hasMinorNumber = has(library, NvmlApi.MINOR_NUMBER);
    this.processFunctions = present(library, NvmlApi.COMPUTE_PROCESSES);
  }

  /**
   * Loads and initialises NVML. It takes seconds if the driver must first wake the devices.
   *
   * @param name file name for the dynamic linker to find, or an absolute path
   * @throws GpuException naming the library; its kind tells a missing library from a missing driver
   */
  static NvmlLibrary open(String name) {
    NvmlApi api = load(name);
    NativeLibrary library = ((Library.Handler) Proxy.getInvocationHandler(api)).getNativeLibrary();
    try {
      for (List<String> versions : NvmlApi.REQUIRED) {
        if (present(library, versions).isEmpty()) {
          throw new GpuException(
              Kind.LIBRARY_UNUSABLE,
              ("gpu.nvml-library: %s was loaded but is not NVML: it has no function %s; name the"
                      + " NVIDIA driver's libnvidia-ml.so.1")
                  .formatted(name, String.join(" or ", versions)));
        }
      }
      NvmlLibrary opened = new NvmlLibrary(name, library, api);
      Function init = newest(library, NvmlApi.INIT);
      opened.check(init.getName() + " of " + name, init.invokeInt(new Object[0]));
      return opened;
    } catch (GpuException e) {
      library.close();
      throw e;
    }
  }

  private static NvmlApi load(String name) {
    try {
      // JNA shares a loaded library among openings with equal names and options, and closing one
      // would unload it for the others. An option of its own gives each opening its own library.
      return Native.load(name, NvmlApi.class, Map.of("opening", OPENINGS.incrementAndGet()));
    } catch (LinkageError e) {
      String message = String.valueOf(e.getMessage());
      List<String> lines = message.lines().toList();
      if (!message.startsWith("Unable to load library") || lines.size() < 2) {
        throw new GpuException(
            Kind.LIBRARY_UNUSABLE,
            "JNA's own native part could not be loaded, so NVML cannot be reached: "
                + message
                + "; point -Djna.tmpdir at a directory where files may be written and executed",
            e);
      }
      // JNA's first line names the library, the second is the dynamic linker's reason.
      String reason = lines.get(1).strip();
      boolean absent = reason.startsWith(name + ": cannot open shared object file: No such file");
      throw new GpuException(
          absent ? Kind.LIBRARY_NOT_FOUND : Kind.LIBRARY_UNUSABLE,
          ("gpu.nvml-library: %s could not be loaded (%s); install the NVIDIA driver, or name the"
                  + " library by its absolute path")
              .formatted(name, reason),
          e);
    }
  }

  /** Returns the versions of a function that the library has, newest first. */
  private static List<String> present(NativeLibrary library, List<String> versions) {
    return versions.stream().filter(symbol -> has(library, symbol)).toList();
  }

  private static Function newest(NativeLibrary library, List<String> versions) {
    return library.getFunction(present(library, versions).getFirst());
  }

  private static boolean has(NativeLibrary library, String symbol) {
    try {
      library.getFunction(symbol);
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false; // how JNA says that there is no such symbol
    }
  }

  /**
   * Returns whether the library's file was replaced or removed since it was loaded, as an update of
   * the driver does. This process goes on with the old file, while containers get the new one,
   * which does not work with the kernel's driver until that is loaded again.
   */
  boolean wasReplaced() {
    return file.wasReplaced();
  }

  String driverVersion() {
    return text(
        "nvmlSystemGetDriverVersion",
        NvmlApi.VERSION_BUFFER_BYTES,
        api::nvmlSystemGetDriverVersion);
  }

  String nvmlVersion() {
    return text(
        "nvmlSystemGetNVMLVersion", NvmlApi.VERSION_BUFFER_BYTES, api::nvmlSystemGetNVMLVersion);
  }

  /** Returns the number of devices, including those that cannot be read. */
  int deviceCount() {
    IntByReference counted = new IntByReference();
    check(count.getName(), count.invokeInt(new Object[] {counted}));
    if (counted.getValue() < 0 || counted.getValue() > MOST_DEVICES) {
      throw new GpuException(
          Kind.FAILED,
          "%s reports %s devices, more than the limit of %d"
              .formatted(
                  count.getName(), Integer.toUnsignedString(counted.getValue()), MOST_DEVICES));
    }
    return counted.getValue();
  }

  /** Returns the device with this index, which is below {@link #deviceCount}. */
  Device device(int ordinal) {
    PointerByReference handle = new PointerByReference();
    check(
        handleByIndex.getName() + " of GPU " + ordinal,
        handleByIndex.invokeInt(new Object[] {ordinal, handle}));
    return new Device(ordinal, handle.getValue());
  }

  /**
   * Shuts NVML down and unloads the library, so that the next opening loads a newer file if there
   * is one.
   */
  @Override
  public void close() {
    try {
      check("nvmlShutdown", api.nvmlShutdown());
    } finally {
      library.close();
    }
  }

  private void check(String subject, int code) {
    if (code != NvmlReturn.SUCCESS) {
      throw NvmlReturn.exception(subject, code, api.nvmlErrorString(code));
    }
  }

  private String text(
      String subject, int bufferBytes, ToIntBiFunction<byte[], Integer> nativeCall) {
    byte[] buffer = new byte[bufferBytes];
    check(subject, nativeCall.applyAsInt(buffer, bufferBytes));
    String text = Native.toString(buffer, StandardCharsets.UTF_8).strip();
    if (text.isEmpty()) {
      throw new GpuException(Kind.FAILED, subject + " returned an empty text");
    }
    return text;
  }

  /** The memory of a device, in bytes. */
  record DeviceMemory(long totalBytes, long usedBytes) {}

  /** A device of this library. It must not be used after the library was closed. */
  final class Device {
    private final int ordinal;
    private final Pointer handle;

    private Device(int ordinal, Pointer handle) {
      this.ordinal = ordinal;
      this.handle = handle;
    }

    GpuUuid uuid() {
      return new GpuUuid(
          text(
              of("nvmlDeviceGetUUID"),
              NvmlApi.UUID_BUFFER_BYTES,
              (buffer, length) -> api.nvmlDeviceGetUUID(handle, buffer, length)));
    }

    String name() {
      return text(
          of("nvmlDeviceGetName"),
          NvmlApi.NAME_BUFFER_BYTES,
          (buffer, length) -> api.nvmlDeviceGetName(handle, buffer, length));
    }

    /** Returns the number of its device node. It is empty if there is none. */
    OptionalInt minorNumber() {
      if (!hasMinorNumber) {
        return OptionalInt.empty();
      }
      IntByReference minor = new IntByReference();
      int code = api.nvmlDeviceGetMinorNumber(handle, minor);
      if (NvmlReturn.asksForOlderVersion(code)) {
        return OptionalInt.empty();
      }
      check(of(NvmlApi.MINOR_NUMBER), code);
      return OptionalInt.of(minor.getValue());
    }

    DeviceMemory memory() {
      if (memoryFunctions.contains(NvmlApi.MEMORY_V2)) {
        NvmlApi.MemoryV2 memory = new NvmlApi.MemoryV2();
        int code = api.nvmlDeviceGetMemoryInfo_v2(handle, memory);
        boolean older = memoryFunctions.contains(NvmlApi.MEMORY_V1);
        if (!older || !NvmlReturn.asksForOlderVersion(code)) {
          check(of(NvmlApi.MEMORY_V2), code);
          return new DeviceMemory(memory.total, memory.used);
        }
      }
      NvmlApi.Memory memory = new NvmlApi.Memory();
      check(of(NvmlApi.MEMORY_V1), api.nvmlDeviceGetMemoryInfo(handle, memory));
      return new DeviceMemory(memory.total, memory.used);
    }

    /**
     * Returns whether MIG mode is on now. It is off if the device or the driver has no MIG mode.
     */
    boolean migEnabled() {
      if (!hasMigMode) {
        return false;
      }
      IntByReference current = new IntByReference();
      int code = api.nvmlDeviceGetMigMode(handle, current, new IntByReference());
      if (NvmlReturn.asksForOlderVersion(code)) {
        return false;
      }
      check(of(NvmlApi.MIG_MODE), code);
      return current.getValue() == NvmlApi.MIG_ENABLED;
    }

    List<GpuProcess> computeProcesses() {
      int last = processFunctions.size() - 1;
      for (int version = 0; version < last; version++) {
        try {
          return computeProcesses(processFunctions.get(version));
        } catch (GpuException e) {
          if (e.kind() != Kind.NOT_SUPPORTED) {
            throw e;
          }
        }
      }
      return computeProcesses(processFunctions.get(last));
    }

    private List<GpuProcess> computeProcesses(String name) {
      Function function = library.getFunction(name);
      int documentedBytes =
          name.equals(NvmlApi.COMPUTE_PROCESSES.getLast())
              ? ProcessBuffer.V1_BYTES
              : ProcessBuffer.V2_BYTES;
      int capacity = FIRST_PROCESS_CAPACITY;
      while (capacity <= MOST_PROCESSES) {
        ProcessBuffer buffer = new ProcessBuffer(capacity);
        IntByReference count = new IntByReference(capacity);
        int code = function.invokeInt(new Object[] {handle, count, buffer.pointer()});
        if (code == NvmlReturn.SUCCESS && count.getValue() >= 0 && count.getValue() <= capacity) {
          return buffer.processes(count.getValue(), documentedBytes);
        }
        if (code != NvmlReturn.SUCCESS && NvmlReturn.of(code) != NvmlReturn.INSUFFICIENT_SIZE) {
          check(of(name), code);
        }
        // Processes may start between two calls, so the buffer grows past what NVML asked for.
        capacity = Math.max(2 * capacity, Math.min(2 * count.getValue(), MOST_PROCESSES));
      }
      throw new GpuException(
          Kind.FAILED, of(name) + " lists more than " + MOST_PROCESSES + " processes");
    }

    private String of(String function) {
      return function + " of GPU " + ordinal;
    }
  }
}
