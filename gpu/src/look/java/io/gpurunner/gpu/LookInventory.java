package io.gpurunner.gpu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Step 1: what the project's own inventory shows, beside what the kernel and nvidia-smi show. */
final class LookInventory {
  private static final long COMMAND_SECONDS = 8;

  private LookInventory() {}

  static void run(GpuLook.Context context) throws IOException, InterruptedException {
    LookReport report = context.report();
    try (GpuInventory inventory = context.openInventory()) {
      GpuSnapshot snapshot = inventory.snapshot();
      report.line("description: %s", inventory.description());
      report.line("first look took %.1f ms", inventory.lookTook().toNanos() / 1e6);
      report.line("fault: %s", snapshot.fault().orElse("none"));
      report.line("library: %s", mapped("libnvidia-ml", context.nvml()));
      for (GpuDevice device : snapshot.devices()) {
        show(report, device);
      }
    }
    report.line("NVIDIA GPUs on the PCI bus: %s", PciBus.ofThisMachine().nvidiaGpus());
    report.line("device nodes: %s", nodes());
    Path version = Path.of("/proc/driver/nvidia/version");
    report.line(
        "%s: %s", version, Files.exists(version) ? Files.readString(version).strip() : "not here");
    output(
            report,
            "nvidia-smi",
            "--query-gpu=index,uuid,name,pci.bus_id,memory.total,memory.reserved,memory.used,"
                + "power.draw,temperature.gpu,utilization.gpu,ecc.mode.current,mig.mode.current,"
                + "compute_mode,persistence_mode",
            "--format=csv")
        .forEach(line -> report.line("nvidia-smi: %s", line));
  }

  private static void show(LookReport report, GpuDevice device) {
    GpuMemory memory = device.memory();
    report.line(
        "GPU %d: %s, %s, type %s",
        device.ordinal(), device.uuid(), device.name(), device.type().label());
    report.line("  presence %s, fault %s", device.presence(), device.fault().orElse("none"));
    report.line(
        "  health %s, reason %s", device.health().state(), device.health().reason().orElse("none"));
    report.line(
        "  memory total %s, used %s, idle limit %d MiB, shared %s",
        mebibytes(memory.total()),
        mebibytes(memory.used()),
        memory.idleLimit() >> 20,
        memory.shared());
    String busId = device.details().busId().orElse("absent");
    report.line(
        "  bus id %s, %s below /sys/bus/pci/devices",
        busId, Files.exists(Path.of("/sys/bus/pci/devices", busId)) ? "found" : "NOT found");
    for (GpuFact fact : GpuFact.values()) {
      OptionalLong value = device.details().get(fact);
      report.line("  %s %s", fact, value.isPresent() ? value.getAsLong() : "absent");
    }
    report.line("  XIDs %s", device.details().xids());
    report.line("  processes %s", device.processes().stream().map(GpuProcess::words).toList());
  }

  private static String mebibytes(OptionalLong bytes) {
    return bytes.isPresent() ? (bytes.getAsLong() >> 20) + " MiB" : "absent";
  }

  /** Returns the files of a library that are mapped into this process. */
  private static String mapped(String stem, String name) throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      String found =
          lines
              .filter(line -> line.contains("/" + stem))
              .map(line -> line.substring(line.indexOf('/')))
              .distinct()
              .collect(Collectors.joining(", "));
      return found.isEmpty() ? name + ", not mapped" : found;
    }
  }

  private static List<String> nodes() throws IOException {
    try (Stream<Path> entries = Files.list(Path.of("/dev"))) {
      return entries
          .map(Path::toString)
          .filter(name -> name.startsWith("/dev/nvidia"))
          .sorted()
          .toList();
    }
  }

  /** Returns what a command prints. A command that fails says so in a line of its own. */
  static List<String> output(LookReport report, String... command)
      throws IOException, InterruptedException {
    Path printed = Files.createTempFile("gpu-look", ".txt");
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(printed.toFile())
              .start();
      if (!process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        report.line("%s did not end within %d s", command[0], COMMAND_SECONDS);
      } else if (process.exitValue() != 0) {
        report.line("%s ended with %d", command[0], process.exitValue());
      }
      return Files.readAllLines(printed);
    } catch (IOException none) {
      report.line("%s: not here", command[0]);
      return List.of();
    } finally {
      Files.deleteIfExists(printed);
    }
  }
}
