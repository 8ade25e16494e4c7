package io.gpurunner.gpu;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import io.gpurunner.gpu.GpuException.Kind;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.ToIntBiFunction;

/**
 * The loaded and initialised NVML. Every call is checked, and a failure is a {@link GpuException}.
 * NVML itself allows calls of several threads at once; each {@link Device} is used by one thread.
 * The library must not be closed while a call is under way.
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
  private final List<String> processFunctions;
  private final List<String> graphicsFunctions;
  private final Map<String, Optional<Function>> functions = new ConcurrentHashMap<>();

  private NvmlLibrary(String name, NativeLibrary library, NvmlApi api) {
    this.library = library;
    this.file = LoadedFile.of(name);
    this.api = api;
    this.count = newest(library, NvmlApi.COUNT);
    this.handleByIndex = newest(library, NvmlApi.HANDLE_BY_INDEX);
    this.memoryFunctions = present(library, NvmlApi.MEMORY);
    this.processFunctions = present(library, NvmlApi.COMPUTE_PROCESSES);
    this.graphicsFunctions = present(library, NvmlApi.GRAPHICS_PROCESSES);
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

  /** Returns the newest version of CUDA that the driver knows, {@code 12.4}. */
  Optional<String> cudaVersion() {
    IntByReference version = new IntByReference();
    return isSupported("nvmlSystemGetCudaDriverVersion_v2", version)
        ? Optional.of(version.getValue() / 1000 + "." + version.getValue() % 1000 / 10)
        : Optional.empty();
  }

  /** The errors of devices that the driver reports. It is empty if it reports none. */
  Optional<Events> openEvents() {
    PointerByReference set = new PointerByReference();
    return isSupported("nvmlEventSetCreate", set)
        ? Optional.of(new Events(set.getValue()))
        : Optional.empty();
  }

  /** The errors that the driver reports. One thread polls; others may register devices. */
  final class Events {
    private final Pointer set;

    private Events(Pointer set) {
      this.set = set;
    }

    /** Asks for the errors of a device. One for which that is absent reports none. */
    Outcome register(Device device) {
      return call("nvmlDeviceRegisterEvents", device.handle, NvmlApi.XID_EVENTS, set);
    }

    /**
     * Returns the next error. It never waits, and is empty if there is none.
     *
     * @param devices the devices that can be meant
     */
    Optional<DeviceXid> next(Collection<Device> devices) {
      Memory data = new Memory(NvmlApi.EVENT_DATA_BYTES);
      data.clear();
      if (!hasEvent(data)) {
        return Optional.empty();
      }
      Pointer handle = data.getPointer(NvmlApi.EVENT_DEVICE_OFFSET);
      long number = data.getLong(NvmlApi.EVENT_DATA_OFFSET);
      return Optional.of(
          new DeviceXid(
              devices.stream()
                  .filter(device -> device.handle.equals(handle))
                  .map(device -> device.ordinal)
                  .findFirst(),
              data.getLong(NvmlApi.EVENT_TYPE_OFFSET) == NvmlApi.XID_EVENTS
                  ? OptionalLong.of(number)
                  : OptionalLong.empty()));
    }

    private boolean hasEvent(Memory data) {
      String newest = "nvmlEventSetWait_v2";
      try {
        return isSupported(
            optional(newest).isPresent() ? newest : "nvmlEventSetWait", set, data, 0);
      } catch (GpuException e) {
        if (e.kind() == Kind.DEVICE_LOST) {
          return false; // the look at that device tells
        }
        throw e;
      }
    }

    /** Frees the set. */
    void close() {
      isSupported("nvmlEventSetFree", set);
    }
  }

  /**
   * An error that the driver reported.
   *
   * @param ordinal the device; empty if it is none of those that were asked about
   * @param number NVIDIA's number of the error; empty for an event of another kind
   */
  record DeviceXid(Optional<Integer> ordinal, OptionalLong number) {}

  /** How a call ended of a function that a library, driver or device need not have. */
  enum Outcome {
    /** It succeeded. */
    DONE,
    /** There is no such function here, or this process may not call it. */
    ABSENT,
    /** It failed this time. */
    FAILED
  }

  /**
   * Calls a function that a library, driver or device need not have.
   *
   * @throws GpuException if the failure concerns more than this function: the device is lost, or
   *     the session is void
   */
  private Outcome call(String name, Object... arguments) {
    Optional<Function> function = optional(name);
    if (function.isEmpty()) {
      return Outcome.ABSENT;
    }
    int code = function.get().invokeInt(arguments);
    if (code == NvmlReturn.SUCCESS) {
      return Outcome.DONE;
    }
    GpuException failure = NvmlReturn.exception(name, code, api.nvmlErrorString(code));
    if (failure.endsSession() || failure.kind() == Kind.DEVICE_LOST) {
      throw failure;
    }
    return NvmlReturn.isAbsence(code) ? Outcome.ABSENT : Outcome.FAILED;
  }

  private boolean isSupported(String name, Object... arguments) {
    return call(name, arguments) == Outcome.DONE;
  }

  private Optional<Function> optional(String name) {
    return functions.computeIfAbsent(
        name,
        symbol ->
            has(library, symbol) ? Optional.of(library.getFunction(symbol)) : Optional.empty());
  }

  /**
   * The memory of a device, in bytes.
   *
   * @param reserveApart whether what is in use leaves out the driver's reserve
   */
  record DeviceMemory(long totalBytes, long usedBytes, boolean reserveApart) {}

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

    /** Returns its address on the bus as the kernel writes it, {@code 0000:3b:00.0}. */
    Optional<String> busId() {
      Memory info = new Memory(NvmlApi.PCI_INFO_BYTES);
      info.clear();
      return isSupported("nvmlDeviceGetPciInfo_v3", handle, info)
          ? Optional.of(PciBus.address(info.getString(NvmlApi.PCI_BUS_ID_OFFSET, "US-ASCII")))
          : Optional.empty();
    }

    /** Returns its memory. It is empty if the device has none of its own. */
    Optional<DeviceMemory> memory() {
      if (memoryFunctions.contains(NvmlApi.MEMORY_V2)) {
        NvmlApi.MemoryV2 memory = new NvmlApi.MemoryV2();
        int code = api.nvmlDeviceGetMemoryInfo_v2(handle, memory);
        if (!NvmlReturn.asksForOlderVersion(code)) {
          check(of(NvmlApi.MEMORY_V2), code);
          return Optional.of(new DeviceMemory(memory.total, memory.used, true));
        }
      }
      if (memoryFunctions.contains(NvmlApi.MEMORY_V1)) {
        NvmlApi.Memory memory = new NvmlApi.Memory();
        int code = api.nvmlDeviceGetMemoryInfo(handle, memory);
        if (!NvmlReturn.asksForOlderVersion(code)) {
          check(of(NvmlApi.MEMORY_V1), code);
          return Optional.of(new DeviceMemory(memory.total, memory.used, false));
        }
      }
      return Optional.empty();
    }

    /**
     * Returns the facts of these paces that the device and the driver support.
     *
     * @param before what was read last; a fact that cannot be read this time stays as it was
     */
    Map<GpuFact, Long> facts(Set<GpuFact.Pace> paces, Map<GpuFact, Long> before) {
      FactReader facts = new FactReader(handle, before);
      if (paces.contains(GpuFact.Pace.EVERY_LOOK)) {
        facts.readEachTime();
      }
      if (paces.contains(GpuFact.Pace.EVERY_FEW_LOOKS)) {
        facts.readToShow();
      }
      return facts.read;
    }

    /** Returns the processes that compute or draw. One that does both computes. */
    List<GpuProcess> processes() {
      Map<Integer, GpuProcess> processes = new LinkedHashMap<>();
      for (GpuProcess process : listed(processFunctions)) {
        processes.put(process.pid(), process);
      }
      if (!graphicsFunctions.isEmpty()) {
        for (GpuProcess process : drawing()) {
          processes.putIfAbsent(process.pid(), process.of(GpuProcess.Kind.GRAPHICS));
        }
      }
      return List.copyOf(processes.values());
    }

    private List<GpuProcess> drawing() {
      try {
        return listed(graphicsFunctions);
      } catch (GpuException e) {
        if (e.kind() == Kind.NOT_SUPPORTED) {
          return List.of(); // a device that cannot draw
        }
        throw e;
      }
    }

    private List<GpuProcess> listed(List<String> versions) {
      int last = versions.size() - 1;
      for (int version = 0; version < last; version++) {
        try {
          return listed(versions.get(version), false);
        } catch (GpuException e) {
          if (e.kind() != Kind.NOT_SUPPORTED) {
            throw e;
          }
        }
      }
      String oldest = versions.get(last);
      return listed(oldest, !oldest.endsWith("_v3") && !oldest.endsWith("_v2"));
    }

    private List<GpuProcess> listed(String name, boolean isVersion1) {
      Function function = library.getFunction(name);
      int documentedBytes = isVersion1 ? ProcessBuffer.V1_BYTES : ProcessBuffer.V2_BYTES;
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

  /** Reads the facts of a device in one look. */
  private final class FactReader {
    private final Pointer handle;
    private final Map<GpuFact, Long> before;
    private final Map<GpuFact, Long> read = new EnumMap<>(GpuFact.class);

    FactReader(Pointer handle, Map<GpuFact, Long> before) {
      this.handle = handle;
      this.before = before;
    }

    void readEachTime() {
      number(GpuFact.MINOR, "nvmlDeviceGetMinorNumber");
      field(GpuFact.RECOVERY_ACTION, NvmlApi.FIELD_RECOVERY_ACTION);
      eccMode();
      eccErrors();
      rowRemapping();
      number(GpuFact.RETIRED_PAGES_PENDING, "nvmlDeviceGetRetiredPagesPendingStatus");
      fabric();
      number(GpuFact.COMPUTE_MODE, "nvmlDeviceGetComputeMode");
      migMode();
      longNumber(GpuFact.CLOCK_REASONS, NvmlApi.CLOCK_REASONS);
      utilization();
      longNumber(GpuFact.ENERGY_MILLIJOULES, List.of("nvmlDeviceGetTotalEnergyConsumption"));
    }

    void readToShow() {
      number(GpuFact.PERSISTENCE_MODE, "nvmlDeviceGetPersistenceMode");
      number(GpuFact.POWER_MILLIWATTS, "nvmlDeviceGetPowerUsage");
      number(GpuFact.POWER_LIMIT_MILLIWATTS, "nvmlDeviceGetEnforcedPowerLimit");
      number(GpuFact.TEMPERATURE_CELSIUS, "nvmlDeviceGetTemperature", NvmlApi.TEMPERATURE_OF_GPU);
      number(GpuFact.SM_CLOCK_MHZ, "nvmlDeviceGetClockInfo", NvmlApi.CLOCK_SM);
      number(GpuFact.MEMORY_CLOCK_MHZ, "nvmlDeviceGetClockInfo", NvmlApi.CLOCK_MEMORY);
    }

    /** Notes how the call ended that was to read a fact. */
    private void note(Outcome outcome, GpuFact fact, LongSupplier value) {
      switch (outcome) {
        case DONE -> read.put(fact, value.getAsLong());
        case ABSENT -> {}
        case FAILED -> {
          Long last = before.get(fact);
          if (last != null) {
            read.put(fact, last);
          }
        }
      }
    }

    /** Calls a function of the form {@code (device, …, unsigned *)}. */
    private void number(GpuFact fact, String function, Object... arguments) {
      IntByReference value = new IntByReference();
      List<Object> all = new ArrayList<>();
      all.add(handle);
      all.addAll(List.of(arguments));
      all.add(value);
      note(call(function, all.toArray()), fact, () -> Integer.toUnsignedLong(value.getValue()));
    }

    /** Calls the newest function of the form {@code (device, unsigned long long *)}. */
    private void longNumber(GpuFact fact, List<String> versions) {
      LongByReference value = new LongByReference();
      Outcome outcome = Outcome.ABSENT;
      for (String function : versions) {
        if (outcome == Outcome.ABSENT) {
          outcome = call(function, handle, value);
        }
      }
      note(outcome, fact, value::getValue);
    }

    private void eccMode() {
      IntByReference current = new IntByReference();
      Outcome outcome = call("nvmlDeviceGetEccMode", handle, current, new IntByReference());
      note(outcome, GpuFact.ECC_MODE, current::getValue);
    }

    private void migMode() {
      IntByReference current = new IntByReference();
      IntByReference pending = new IntByReference();
      Outcome outcome = call("nvmlDeviceGetMigMode", handle, current, pending);
      note(outcome, GpuFact.MIG_MODE, current::getValue);
      note(outcome, GpuFact.MIG_MODE_PENDING, pending::getValue);
    }

    private void eccErrors() {
      LongByReference errors = new LongByReference();
      Outcome outcome =
          call(
              "nvmlDeviceGetTotalEccErrors", handle, NvmlApi.UNCORRECTED, NvmlApi.VOLATILE, errors);
      note(outcome, GpuFact.ECC_UNCORRECTED, errors::getValue);
    }

    private void rowRemapping() {
      IntByReference pending = new IntByReference();
      IntByReference failed = new IntByReference();
      Outcome outcome =
          call(
              "nvmlDeviceGetRemappedRows",
              handle,
              new IntByReference(),
              new IntByReference(),
              pending,
              failed);
      note(outcome, GpuFact.ROW_REMAP_PENDING, pending::getValue);
      note(outcome, GpuFact.ROW_REMAP_FAILED, failed::getValue);
    }

    private void fabric() {
      Memory info = zeroed(NvmlApi.FABRIC_INFO_BYTES);
      Outcome outcome = call("nvmlDeviceGetGpuFabricInfo", handle, info);
      note(outcome, GpuFact.FABRIC_STATE, () -> info.getByte(NvmlApi.FABRIC_STATE_OFFSET));
      note(outcome, GpuFact.FABRIC_STATUS, () -> info.getInt(NvmlApi.FABRIC_STATUS_OFFSET));
    }

    private void utilization() {
      Memory rates = zeroed(NvmlApi.UTILIZATION_BYTES);
      Outcome outcome = call("nvmlDeviceGetUtilizationRates", handle, rates);
      note(outcome, GpuFact.UTILIZATION_PERCENT, () -> rates.getInt(0));
      note(
          outcome,
          GpuFact.MEMORY_UTILIZATION_PERCENT,
          () -> rates.getInt(NvmlApi.UTILIZATION_MEMORY_OFFSET));
    }

    private void field(GpuFact fact, int id) {
      Memory value = zeroed(NvmlApi.FIELD_VALUE_BYTES);
      value.setInt(NvmlApi.FIELD_ID_OFFSET, id);
      Outcome outcome = call("nvmlDeviceGetFieldValues", handle, 1, value);
      if (outcome == Outcome.DONE) {
        int code = value.getInt(NvmlApi.FIELD_RETURN_OFFSET);
        outcome =
            code == NvmlReturn.SUCCESS
                ? Outcome.DONE
                : NvmlReturn.isAbsence(code) ? Outcome.ABSENT : Outcome.FAILED;
      }
      Optional<FieldType> type = FieldType.of(value.getInt(NvmlApi.FIELD_TYPE_OFFSET));
      if (outcome != Outcome.DONE || type.isPresent()) {
        note(outcome, fact, () -> type.orElseThrow().read(value));
      }
    }

    private static Memory zeroed(int bytes) {
      Memory memory = new Memory(bytes);
      memory.clear();
      return memory;
    }
  }

  /** {@code nvmlValueType_t}: how the value of a field is written. */
  private enum FieldType {
    UNSIGNED_INT(1) {
      @Override
      long read(Pointer value) {
        return Integer.toUnsignedLong(value.getInt(NvmlApi.FIELD_VALUE_OFFSET));
      }
    },
    UNSIGNED_LONG(2) {
      @Override
      long read(Pointer value) {
        return value.getLong(NvmlApi.FIELD_VALUE_OFFSET);
      }
    },
    UNSIGNED_LONG_LONG(3) {
      @Override
      long read(Pointer value) {
        return value.getLong(NvmlApi.FIELD_VALUE_OFFSET);
      }
    },
    SIGNED_INT(5) {
      @Override
      long read(Pointer value) {
        return value.getInt(NvmlApi.FIELD_VALUE_OFFSET);
      }
    };

    private final int number;

    FieldType(int number) {
      this.number = number;
    }

    /** Returns the type of this number. It is empty for one that counts nothing. */
    static Optional<FieldType> of(int number) {
      return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
    }

    abstract long read(Pointer value);
  }
}
