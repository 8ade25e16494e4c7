package io.gpurunner.gpu;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.util.SortedSet;
import java.util.TreeSet;

/** Step 2: which functions the library has, and what each call for a device answers. */
final class LookFunctions {
  private LookFunctions() {}

  static void run(GpuLook.Context context) throws IOException {
    LookReport report = context.report();
    try (LookNvml nvml = LookNvml.open(context.nvml())) {
      SortedSet<String> functions = functions();
      LookReport.Table symbols = report.table("symbols", "function", "there");
      SortedSet<String> absent = new TreeSet<>();
      for (String function : functions) {
        boolean isThere = nvml.function(function).isPresent();
        symbols.row(function, isThere);
        if (!isThere) {
          absent.add(function);
        }
      }
      report.line("the project names %d functions; the library lacks %s", functions.size(), absent);
      calls(nvml, report);
      events(nvml, report);
    }
  }

  /**
   * Returns the functions that the project's classes name. They are read from the compiled classes,
   * so that no list must be kept.
   */
  private static SortedSet<String> functions() throws IOException {
    SortedSet<String> names = new TreeSet<>();
    for (Class<?> holder :
        new Class<?>[] {
          NvmlApi.class, NvmlLibrary.class, NvmlLibrary.Device.class, NvmlLibrary.Events.class
        }) {
      String file = holder.getName().substring(holder.getPackageName().length() + 1) + ".class";
      try (InputStream bytes = holder.getResourceAsStream(file)) {
        if (bytes == null) {
          throw new IOException(file + " is not on the class path");
        }
        for (PoolEntry entry : ClassFile.of().parse(bytes.readAllBytes()).constantPool()) {
          if (entry instanceof Utf8Entry text && text.stringValue().matches("nvml[A-Z]\\w*")) {
            names.add(text.stringValue());
          }
        }
      }
    }
    names.remove("nvmlVersion"); // a method of NvmlLibrary
    return names;
  }

  private static void calls(LookNvml nvml, LookReport report) {
    LookReport.Table table =
        report.table("calls", "ordinal", "function", "code", "meaning", "written");
    for (int ordinal = 0; ordinal < nvml.count(); ordinal++) {
      Pointer device = nvml.handle(ordinal);
      for (LookNvml.Call call : LookNvml.calls()) {
        if (nvml.function(call.function()).isEmpty()) {
          table.row(ordinal, call.label(), "", "no such function", "");
          report.line("GPU %d %s: no such function", ordinal, call.label());
          continue;
        }
        int code = call.make(nvml, device);
        String written = code == LookNvml.SUCCESS ? call.written() : "";
        String words = nvml.words(code);
        table.row(ordinal, call.label(), code, words, written);
        report.line("GPU %d %s: %s %s", ordinal, call.label(), words, written);
      }
    }
  }

  private static void events(LookNvml nvml, LookReport report) {
    IntByReference version = new IntByReference();
    if (nvml.function("nvmlSystemGetCudaDriverVersion_v2").isPresent()) {
      int code = nvml.call("nvmlSystemGetCudaDriverVersion_v2", version);
      report.line("nvmlSystemGetCudaDriverVersion_v2: %s %d", nvml.words(code), version.getValue());
    }
    PointerByReference set = new PointerByReference();
    nvml.must("nvmlEventSetCreate", set);
    for (int ordinal = 0; ordinal < nvml.count(); ordinal++) {
      Pointer device = nvml.handle(ordinal);
      String supported = "nvmlDeviceGetSupportedEventTypes"; // the project does not call it
      if (nvml.function(supported).isPresent()) {
        LongByReference types = new LongByReference();
        int code = nvml.call(supported, device, types);
        report.line("GPU %d %s: %s 0x%x", ordinal, supported, nvml.words(code), types.getValue());
      }
      int code = nvml.call("nvmlDeviceRegisterEvents", device, NvmlApi.XID_EVENTS, set.getValue());
      report.line("GPU %d nvmlDeviceRegisterEvents: %s", ordinal, nvml.words(code));
    }
    for (String wait : new String[] {"nvmlEventSetWait_v2", "nvmlEventSetWait"}) {
      if (nvml.function(wait).isPresent()) {
        Memory data = new Memory(NvmlApi.EVENT_DATA_BYTES);
        data.clear();
        int code = nvml.call(wait, set.getValue(), data, 0);
        report.line("%s without an event (10 is a timeout): %s", wait, nvml.words(code));
      }
    }
    report.line("nvmlEventSetFree: %s", nvml.words(nvml.call("nvmlEventSetFree", set.getValue())));
  }
}
