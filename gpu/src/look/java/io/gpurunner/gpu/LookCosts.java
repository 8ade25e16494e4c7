package io.gpurunner.gpu;

import com.sun.jna.Pointer;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;

/** Step 6: how long a look and each call of NVML take. */
final class LookCosts {
  private static final int COLD_LOOKS = 3;
  private static final int WARM_LOOKS = 200;
  private static final int CALLS = 50;
  private static final Duration LOOKS_LIMIT = Duration.ofSeconds(12);
  private static final Duration CALL_LIMIT = Duration.ofMillis(200);

  private LookCosts() {}

  static void run(GpuLook.Context context) throws InterruptedException {
    LookReport.Table table = context.report().table("costs", "what", "number", "micros");
    for (int number = 1; number <= COLD_LOOKS; number++) {
      long began = System.nanoTime();
      try (GpuInventory inventory = context.openInventory()) {
        long micros = inventory.lookTook().toNanos() / 1000;
        table.row("cold look", number, micros);
        context
            .report()
            .line(
                "cold look %d took %.1f ms, fault %s",
                number, micros / 1e3, inventory.snapshot().fault().orElse("none"));
        if (number == COLD_LOOKS) {
          warm(context, table, inventory);
        }
      }
      context.report().line("its session took %.1f ms in all", (System.nanoTime() - began) / 1e6);
    }
    calls(context, table);
  }

  private static void warm(GpuLook.Context context, LookReport.Table table, GpuInventory inventory)
      throws InterruptedException {
    long[] micros = new long[WARM_LOOKS];
    int looks = 0;
    long end = System.nanoTime() + LOOKS_LIMIT.toNanos();
    while (looks < WARM_LOOKS && System.nanoTime() < end) {
      Instant before = inventory.snapshot().at();
      inventory.requestLook();
      while (inventory.snapshot().at().equals(before) && System.nanoTime() < end) {
        Thread.sleep(1);
      }
      Thread.sleep(GpuLook.SETTLED_MILLIS);
      micros[looks] = inventory.lookTook().toNanos() / 1000;
      looks++;
      table.row("warm look", looks, micros[looks - 1]);
    }
    context.report().line("%d warm looks: %s", looks, spread(Arrays.copyOf(micros, looks)));
  }

  private static void calls(GpuLook.Context context, LookReport.Table table) {
    LookReport report = context.report();
    long began = System.nanoTime();
    try (LookNvml nvml = LookNvml.open(context.nvml())) {
      report.line("loading and nvmlInit_v2 took %.1f ms", (System.nanoTime() - began) / 1e6);
      Pointer device = nvml.handle(0);
      for (LookNvml.Call call : LookNvml.calls()) {
        if (nvml.function(call.function()).isPresent()) {
          report.line("%s of GPU 0: %s", call.label(), cost(nvml, device, call, table));
        }
      }
      cost(table, report, "nvmlDeviceGetCount_v2", nvml::count);
      cost(table, report, "nvmlDeviceGetHandleByIndex_v2", () -> nvml.handle(0));
      began = System.nanoTime();
    }
    report.line("nvmlShutdown and unloading took %.1f ms", (System.nanoTime() - began) / 1e6);
  }

  private static String cost(
      LookNvml nvml, Pointer device, LookNvml.Call call, LookReport.Table table) {
    int code = call.make(nvml, device);
    return nvml.words(code) + ", " + repeated(table, call.label(), () -> call.make(nvml, device));
  }

  private static void cost(LookReport.Table table, LookReport report, String label, Runnable work) {
    report.line("%s: %s", label, repeated(table, label, work));
  }

  private static String repeated(LookReport.Table table, String label, Runnable work) {
    long[] micros = new long[CALLS];
    int made = 0;
    long end = System.nanoTime() + CALL_LIMIT.toNanos();
    while (made < CALLS && System.nanoTime() < end) {
      long began = System.nanoTime();
      work.run();
      micros[made] = (System.nanoTime() - began) / 1000;
      made++;
      table.row(label, made, micros[made - 1]);
    }
    return spread(Arrays.copyOf(micros, made));
  }

  private static String spread(long[] micros) {
    if (micros.length == 0) {
      return "none was made";
    }
    Arrays.sort(micros);
    return "%d times, median %.3f ms, worst %.3f ms"
        .formatted(micros.length, micros[micros.length / 2] / 1e3, micros[micros.length - 1] / 1e3);
  }
}
