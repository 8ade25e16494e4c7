package io.gpurunner.gpu;

import com.sun.jna.Memory;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Step 4: whether the driver reports a kernel that writes to address 0, as XID 31. */
final class LookXid {
  private static final Duration COMMAND_LIMIT = Duration.ofSeconds(12);
  private static final Duration REPORT_LIMIT = Duration.ofSeconds(5);
  private static final long POLL_MILLIS = 10;
  private static final int WAIT_MILLIS = 1000;
  private static final long LAST_LINES = 5;

  /** The largest number of calls that wait, because a driver may answer them at once. */
  private static final int MOST_WAITS = 8;

  private LookXid() {}

  static void run(GpuLook.Context context) throws IOException, InterruptedException {
    LookReport report = context.report();
    try (LookGpu gpu = LookGpu.open(context)) {
      LookReport.Table table = report.table("xid", "millis", "source", "what");
      // One after the other, because two sets of events in a process may take each other's.
      if (!polled(context, table, gpu)) {
        waited(context, table);
      }
      shown(context, table, gpu);
    }
    List<String> kernel =
        LookInventory.output(report, "dmesg").stream()
            .filter(line -> line.contains("Xid") || line.contains("dmesg:"))
            .toList();
    report.line("the kernel's log has %d lines about an Xid", kernel.size());
    kernel.stream()
        .skip(Math.max(0, kernel.size() - LAST_LINES))
        .forEach(line -> report.line("  %s", line));
  }

  /** Asks without waiting, as the project does. Returns whether an error was reported. */
  private static boolean polled(GpuLook.Context context, LookReport.Table table, LookGpu gpu)
      throws IOException, InterruptedException {
    LookReport report = context.report();
    Optional<NvmlLibrary.Events> events = gpu.library().openEvents();
    if (events.isEmpty()) {
      report.line("the driver reports NO events");
      return false;
    }
    events.get().register(gpu.device());
    try {
      boolean isReported =
          isSeen(
              context,
              table,
              "nvmlEventSetWait_v2, timeout 0",
              () -> events.get().next(List.of(gpu.device())).map(String::valueOf));
      // What else is there: a second error, or one of another device.
      events
          .get()
          .next(List.of(gpu.device()))
          .ifPresent(more -> report.line("then one more came: %s", more));
      return isReported;
    } finally {
      events.get().close();
    }
  }

  /** Lets the project's inventory look, which has a session of its own. */
  private static void shown(GpuLook.Context context, LookReport.Table table, LookGpu gpu)
      throws IOException, InterruptedException {
    try (GpuInventory inventory = context.openInventory()) {
      isSeen(
          context,
          table,
          "inventory, one look a second",
          () ->
              Optional.of(deviceOf(gpu, inventory).details().xids())
                  .filter(xids -> !xids.isEmpty())
                  .map(String::valueOf));
      GpuDevice device = deviceOf(gpu, inventory);
      context
          .report()
          .line(
              "the inventory then: presence %s, fault %s, health %s, reason %s, XIDs %s",
              device.presence(),
              device.fault().orElse("none"),
              device.health().state(),
              device.health().reason().orElse("none"),
              device.details().xids());
    }
  }

  private static GpuDevice deviceOf(LookGpu gpu, GpuInventory inventory) {
    return inventory.snapshot().devices().stream()
        .filter(device -> device.uuid().equals(gpu.device().uuid()))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the inventory has no device of this UUID"));
  }

  /** Starts a kernel that fails, and asks until the error shows. Returns whether it did. */
  private static boolean isSeen(
      GpuLook.Context context,
      LookReport.Table table,
      String source,
      Supplier<Optional<String>> error)
      throws IOException, InterruptedException {
    try (LookChild child = LookChild.start(context.cuda())) {
      child.ask("context", COMMAND_LIMIT);
      child.ask("load", COMMAND_LIMIT);
      long began = System.nanoTime();
      child.send("store 0");
      boolean isAnswered = false;
      boolean isSeen = false;
      while (System.nanoTime() - began < REPORT_LIMIT.toNanos() && !(isAnswered && isSeen)) {
        if (!isAnswered && child.hasAnswered()) {
          isAnswered = true;
          found(context.report(), table, began, "cuCtxSynchronize", child.answer(Duration.ZERO));
        }
        Optional<String> seen = isSeen ? Optional.empty() : error.get();
        if (seen.isPresent()) {
          isSeen = true;
          found(context.report(), table, began, source, seen.get());
        }
        Thread.sleep(POLL_MILLIS);
      }
      if (!isSeen) {
        context.report().line("%s: NOTHING within %d s", source, REPORT_LIMIT.toSeconds());
      }
      return isSeen;
    }
  }

  private static void found(
      LookReport report, LookReport.Table table, long began, String source, String what) {
    long millis = (System.nanoTime() - began) / 1_000_000;
    table.row(millis, source, what);
    report.line("after %d ms %s: %s", millis, source, what);
  }

  /** Tries whether NVML tells a call that waits of an error that the other call does not see. */
  private static void waited(GpuLook.Context context, LookReport.Table table)
      throws IOException, InterruptedException {
    LookReport report = context.report();
    try (LookNvml nvml = LookNvml.open(context.nvml());
        LookChild child = LookChild.start(context.cuda())) {
      PointerByReference set = new PointerByReference();
      nvml.must("nvmlEventSetCreate", set);
      List<String> registered = new ArrayList<>();
      for (int ordinal = 0; ordinal < nvml.count(); ordinal++) {
        registered.add(
            nvml.words(
                nvml.call(
                    "nvmlDeviceRegisterEvents",
                    nvml.handle(ordinal),
                    NvmlApi.XID_EVENTS,
                    set.getValue())));
      }
      report.line("again, with a call that waits; registered: %s", registered);
      child.ask("context", COMMAND_LIMIT);
      child.ask("load", COMMAND_LIMIT);
      long began = System.nanoTime();
      child.send("store 0");
      int code = 0;
      for (int waits = 0;
          waits < MOST_WAITS
              && (waits == 0 || code != LookNvml.SUCCESS)
              && System.nanoTime() - began < REPORT_LIMIT.toNanos();
          waits++) {
        Memory data = new Memory(NvmlApi.EVENT_DATA_BYTES);
        data.clear();
        code = nvml.call("nvmlEventSetWait_v2", set.getValue(), data, WAIT_MILLIS);
        found(
            report,
            table,
            began,
            "nvmlEventSetWait_v2, timeout " + WAIT_MILLIS,
            nvml.words(code) + " " + (code == LookNvml.SUCCESS ? LookNvml.hex(data) : ""));
      }
      nvml.call("nvmlEventSetFree", set.getValue());
    }
  }
}
