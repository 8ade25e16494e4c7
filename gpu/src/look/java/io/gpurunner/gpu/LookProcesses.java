package io.gpurunner.gpu;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Step 3: what NVML shows of a CUDA process, from its start to its end. */
final class LookProcesses {
  private static final long SAMPLE_MILLIS = 50;
  private static final long PHASE_MILLIS = 1000;
  private static final long BUSY_MILLIS = 2000;
  private static final long ALLOCATED_BYTES = 1L << 30;
  private static final Duration COMMAND_LIMIT = Duration.ofSeconds(12);
  private static final Duration GONE_LIMIT = Duration.ofSeconds(6);

  /** Memory is free again when no more than this is in use beyond what was in use before. */
  private static final long FREE_WITHIN_BYTES = 16L << 20;

  /**
   * What NVML showed at one time.
   *
   * @param nanos when the calls began
   * @param tookNanos how long the calls took
   */
  private record Sample(
      String phase, long nanos, long tookNanos, long usedBytes, List<GpuProcess> processes) {
    boolean lists(Set<Integer> pids) {
      return processes.stream().anyMatch(process -> pids.contains(process.pid()));
    }
  }

  private final LookReport report;
  private final LookReport.Table table;
  private final LookGpu gpu;
  private final String cuda;
  private final long beganNanos = System.nanoTime();
  private final List<Sample> samples = new ArrayList<>();

  private LookProcesses(GpuLook.Context context, LookGpu gpu) {
    this.report = context.report();
    this.cuda = context.cuda();
    this.gpu = gpu;
    this.table =
        report.table("processes", "end", "phase", "millis", "took_micros", "used_bytes", "pids");
  }

  static void run(GpuLook.Context context) throws IOException, InterruptedException {
    try (LookGpu gpu = LookGpu.open(context)) {
      LookProcesses look = new LookProcesses(context, gpu);
      look.life(false);
      look.life(true);
    }
  }

  private void life(boolean isKilled) throws IOException, InterruptedException {
    String end = isKilled ? "SIGKILL, under a busy kernel if there is one" : "normal end";
    samples.clear();
    sample("before", PHASE_MILLIS);
    try (LookChild child = LookChild.start(cuda)) {
      report.line("a process with the pid %d, %s:", child.pid(), end);
      sample("cuInit", PHASE_MILLIS);
      during(child, "context", "creating the context", "context");
      during(child, "allocate " + ALLOCATED_BYTES, "allocating 1 GiB", "allocated");
      if (isLoaded(child)) {
        during(child, "spin " + BUSY_MILLIS, "busy", isKilled ? "" : "not busy any more");
        if (isKilled) {
          child.send("spin 20000");
          sample("busy", PHASE_MILLIS);
        }
      }
      long askedNanos = System.nanoTime();
      if (isKilled) {
        child.kill();
      } else {
        child.send("end");
      }
      long exitedNanos = sampleUntilGone(child);
      summary();
      ends(child, askedNanos, exitedNanos);
    } finally {
      for (Sample sample : samples) {
        table.row(
            end,
            sample.phase(),
            (sample.nanos() - beganNanos) / 1_000_000,
            sample.tookNanos() / 1000,
            sample.usedBytes(),
            sample.processes().stream().map(LookProcesses::words).collect(Collectors.joining(" ")));
      }
    }
  }

  /** Loads the kernels. Without them, the rest of the process's life is still worth a look. */
  private boolean isLoaded(LookChild child) throws IOException, InterruptedException {
    try {
      during(child, "load", "loading the kernels", "loaded");
      return true;
    } catch (IllegalStateException e) {
      report.line("  FAILED, so there is no busy kernel: %s", e.getMessage());
      return false;
    }
  }

  private static String words(GpuProcess process) {
    return process.pid()
        + ":"
        + (process.usedMemoryBytes().isPresent()
            ? String.valueOf(process.usedMemoryBytes().getAsLong())
            : "-");
  }

  private void during(LookChild child, String command, String phase, String after)
      throws IOException, InterruptedException {
    child.send(command);
    long end = System.nanoTime() + COMMAND_LIMIT.toNanos();
    while (!child.hasAnswered() && System.nanoTime() < end) {
      sample(phase);
    }
    child.answer(Duration.ZERO);
    if (!after.isEmpty()) {
      sample(after, PHASE_MILLIS);
    }
  }

  private void sample(String phase, long millis) throws InterruptedException {
    long end = System.nanoTime() + millis * 1_000_000;
    while (System.nanoTime() < end) {
      sample(phase);
    }
  }

  /** Takes a sample, and waits for the time of the next. */
  private void sample(String phase) throws InterruptedException {
    long began = System.nanoTime();
    List<GpuProcess> processes = gpu.device().processes();
    long used = gpu.device().memory().map(NvmlLibrary.DeviceMemory::usedBytes).orElse(0L);
    long took = System.nanoTime() - began;
    samples.add(new Sample(phase, began, took, used, processes));
    Thread.sleep(Math.max(1, SAMPLE_MILLIS - took / 1_000_000));
  }

  /** Returns when the process had ended, to within a sample. */
  private long sampleUntilGone(LookChild child) throws InterruptedException {
    long end = System.nanoTime() + GONE_LIMIT.toNanos();
    long exited = 0;
    while (System.nanoTime() < end && (exited == 0 || !isGone(samples.getLast()))) {
      if (exited == 0 && child.hasEnded(Duration.ZERO)) {
        exited = System.nanoTime();
      }
      sample("ended");
    }
    sample("ended", PHASE_MILLIS);
    return exited;
  }

  private long usedBefore() {
    return of("before").getLast().usedBytes();
  }

  private boolean isGone(Sample sample) {
    return !sample.lists(newPids()) && isFree(sample);
  }

  private boolean isFree(Sample sample) {
    return sample.usedBytes() <= usedBefore() + FREE_WITHIN_BYTES;
  }

  private List<Sample> of(String phase) {
    return samples.stream().filter(sample -> sample.phase().equals(phase)).toList();
  }

  /**
   * Returns the ids that were not listed before. In a container they need not be the process's own.
   */
  private Set<Integer> newPids() {
    Set<Integer> pids = new TreeSet<>();
    samples.forEach(sample -> sample.processes().forEach(process -> pids.add(process.pid())));
    Set<Integer> before = new HashSet<>();
    of("before")
        .forEach(sample -> sample.processes().forEach(process -> before.add(process.pid())));
    pids.removeAll(before);
    return pids;
  }

  private void summary() {
    Map<String, List<Sample>> phases = new LinkedHashMap<>();
    samples.forEach(
        sample -> phases.computeIfAbsent(sample.phase(), _ -> new ArrayList<>()).add(sample));
    phases.forEach(
        (phase, all) ->
            report.line(
                "  %-20s %3d samples, used %d to %d MiB, at last %s",
                phase,
                all.size(),
                all.stream().mapToLong(Sample::usedBytes).min().orElse(0) >> 20,
                all.stream().mapToLong(Sample::usedBytes).max().orElse(0) >> 20,
                all.getLast().processes().stream().map(LookProcesses::words).toList()));
  }

  private void ends(LookChild child, long askedNanos, long exitedNanos) {
    Set<Integer> pids = newPids();
    report.line(
        "  ids that were not listed before: %s, the process's own: %s",
        pids, pids.contains((int) child.pid()) ? "among them" : "NOT among them");
    report.line(
        "  the longest sample took %.1f ms",
        samples.stream().mapToLong(Sample::tookNanos).max().orElse(0) / 1e6);
    report.line(
        "  after the command to end, the process was gone for its parent %s",
        exitedNanos == 0 ? "NOT in time" : millis(exitedNanos - askedNanos));
    report.line(
        "  after it, NVML's list was without it %s, and the memory free %s",
        since(askedNanos, sample -> !sample.lists(pids)), since(askedNanos, this::isFree));
  }

  /** Returns how long it took until each later sample was so. */
  private String since(long fromNanos, Predicate<Sample> wanted) {
    Optional<Sample> last =
        samples.reversed().stream()
            .takeWhile(sample -> sample.nanos() >= fromNanos && wanted.test(sample))
            .reduce((_, earlier) -> earlier);
    return last.map(sample -> millis(sample.nanos() - fromNanos)).orElse("NOT in time");
  }

  private static String millis(long nanos) {
    return "after " + nanos / 1_000_000 + " ms";
  }
}
