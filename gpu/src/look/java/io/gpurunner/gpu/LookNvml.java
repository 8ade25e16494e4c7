package io.gpurunner.gpu;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;

/**
 * A session with NVML that shows each call's bare return code, which the project's own code hides.
 */
final class LookNvml implements AutoCloseable {
  static final int SUCCESS = 0;

  private static final AtomicLong OPENINGS = new AtomicLong();
  private static final int SHOWN_BYTES = 96;

  /** The room for a list of processes. */
  private static final int PROCESSES = 64;

  /** A byte that NVML hardly writes at the end of what it fills, as in {@link ProcessBuffer}. */
  private static final byte UNTOUCHED = (byte) 0xA5;

  private final NativeLibrary library;

  private LookNvml(NativeLibrary library) {
    this.library = library;
  }

  static LookNvml open(String name) {
    // As in NvmlLibrary: an option of its own, so that closing it unloads it for nobody else.
    LookNvml opened =
        new LookNvml(NativeLibrary.getInstance(name, Map.of("look", OPENINGS.incrementAndGet())));
    opened.must("nvmlInit_v2");
    return opened;
  }

  Optional<Function> function(String name) {
    try {
      return Optional.of(library.getFunction(name));
    } catch (UnsatisfiedLinkError none) {
      return Optional.empty();
    }
  }

  /** Calls a function that the library has. */
  int call(String name, Object... arguments) {
    return library.getFunction(name).invokeInt(arguments);
  }

  void must(String name, Object... arguments) {
    int code = call(name, arguments);
    if (code != SUCCESS) {
      throw new IllegalStateException(name + " failed: " + words(code));
    }
  }

  int count() {
    IntByReference count = new IntByReference();
    must("nvmlDeviceGetCount_v2", count);
    return count.getValue();
  }

  Pointer handle(int ordinal) {
    PointerByReference handle = new PointerByReference();
    must("nvmlDeviceGetHandleByIndex_v2", ordinal, handle);
    return handle.getValue();
  }

  /** Returns a code with the library's own words, {@code 3 Not Supported}. */
  String words(int code) {
    return code
        + " "
        + library.getFunction("nvmlErrorString").invokeString(new Object[] {code}, false);
  }

  @Override
  public void close() {
    try {
      call("nvmlShutdown");
    } finally {
      library.close();
    }
  }

  /**
   * A call of a function for a device.
   *
   * @param label the function, and what it was asked for if there are several such calls
   * @param arguments those after the device
   */
  record Call(String function, String label, List<Object> arguments) {
    /** Makes the call. */
    int make(LookNvml nvml, Pointer device) {
      if (function.contains("RunningProcesses")) {
        ((IntByReference) arguments.getFirst()).setValue(PROCESSES);
      }
      List<Object> all = new ArrayList<>();
      all.add(device);
      all.addAll(arguments);
      return nvml.call(function, all.toArray());
    }

    /** Returns what the call wrote: numbers, texts, and the bytes of structures. */
    String written() {
      return arguments.stream()
          .filter(argument -> !(argument instanceof Integer))
          .map(Call::shown)
          .collect(Collectors.joining(", "));
    }

    private static String shown(Object argument) {
      return switch (argument) {
        case IntByReference number -> Integer.toUnsignedString(number.getValue());
        case LongByReference number -> Long.toUnsignedString(number.getValue());
        case byte[] text -> '"' + Native.toString(text, "UTF-8") + '"';
        case Memory memory -> hex(memory);
        default -> String.valueOf(argument);
      };
    }
  }

  /** Returns the bytes of a structure up to the last that was written, in groups of eight. */
  static String hex(Memory memory) {
    long written = memory.size();
    while (written > 0 && memory.getByte(written - 1) == UNTOUCHED) {
      written--;
    }
    StringBuilder text = new StringBuilder(written + " bytes");
    for (long at = 0; at < Math.min(written, SHOWN_BYTES); at++) {
      text.append(at % 8 == 0 ? " " : "").append("%02x".formatted(memory.getByte(at)));
    }
    return text.append(written > SHOWN_BYTES ? " …" : "").toString();
  }

  private static Memory memory(long bytes) {
    Memory memory = new Memory(bytes);
    memory.setMemory(0, bytes, UNTOUCHED);
    return memory;
  }

  private static Call of(String function, Object... arguments) {
    return new Call(function, function, List.of(arguments));
  }

  private static Call about(String subject, String function, Object... arguments) {
    return new Call(function, function + " " + subject, List.of(arguments));
  }

  /** Returns each call for a device that the project makes. Every older version is among them. */
  static List<Call> calls() {
    List<Call> calls = new ArrayList<>();
    calls.add(of("nvmlDeviceGetUUID", bytes(NvmlApi.UUID_BUFFER_BYTES)));
    calls.add(of("nvmlDeviceGetName", bytes(NvmlApi.NAME_BUFFER_BYTES)));
    calls.add(of("nvmlDeviceGetPciInfo_v3", memory(NvmlApi.PCI_INFO_BYTES)));
    Memory memoryV2 = memory(40);
    memoryV2.setInt(0, NvmlApi.MEMORY_V2_VERSION);
    calls.add(of(NvmlApi.MEMORY_V2, memoryV2));
    calls.add(of(NvmlApi.MEMORY_V1, memory(24)));
    for (List<String> versions : List.of(NvmlApi.COMPUTE_PROCESSES, NvmlApi.GRAPHICS_PROCESSES)) {
      for (String function : versions) {
        calls.add(
            of(
                function,
                new IntByReference(),
                memory((long) PROCESSES * ProcessBuffer.WIDE_BYTES)));
      }
    }
    calls.add(of("nvmlDeviceGetMinorNumber", new IntByReference()));
    Memory field = memory(NvmlApi.FIELD_VALUE_BYTES);
    field.setInt(NvmlApi.FIELD_ID_OFFSET, NvmlApi.FIELD_RECOVERY_ACTION);
    field.setInt(NvmlApi.FIELD_ID_OFFSET + 4, 0); // the scope
    calls.add(about("of 230", "nvmlDeviceGetFieldValues", 1, field));
    calls.add(of("nvmlDeviceGetEccMode", new IntByReference(), new IntByReference()));
    calls.add(
        of(
            "nvmlDeviceGetTotalEccErrors",
            NvmlApi.UNCORRECTED,
            NvmlApi.VOLATILE,
            new LongByReference()));
    calls.add(
        of(
            "nvmlDeviceGetRemappedRows",
            new IntByReference(),
            new IntByReference(),
            new IntByReference(),
            new IntByReference()));
    calls.add(of("nvmlDeviceGetRetiredPagesPendingStatus", new IntByReference()));
    calls.add(of("nvmlDeviceGetGpuFabricInfo", memory(NvmlApi.FABRIC_INFO_BYTES)));
    calls.add(of("nvmlDeviceGetComputeMode", new IntByReference()));
    calls.add(of("nvmlDeviceGetMigMode", new IntByReference(), new IntByReference()));
    NvmlApi.CLOCK_REASONS.forEach(function -> calls.add(of(function, new LongByReference())));
    calls.add(of("nvmlDeviceGetPersistenceMode", new IntByReference()));
    calls.add(of("nvmlDeviceGetPowerUsage", new IntByReference()));
    calls.add(of("nvmlDeviceGetTemperature", NvmlApi.TEMPERATURE_OF_GPU, new IntByReference()));
    calls.add(about("of SM", "nvmlDeviceGetClockInfo", NvmlApi.CLOCK_SM, new IntByReference()));
    calls.add(
        about("of memory", "nvmlDeviceGetClockInfo", NvmlApi.CLOCK_MEMORY, new IntByReference()));
    calls.add(of("nvmlDeviceGetUtilizationRates", memory(NvmlApi.UTILIZATION_BYTES)));
    calls.add(of("nvmlDeviceGetTotalEnergyConsumption", new LongByReference()));
    return calls;
  }

  /** Returns a buffer of text with its length, as two arguments. */
  private static Object[] bytes(int length) {
    return new Object[] {new byte[length], length};
  }
}
