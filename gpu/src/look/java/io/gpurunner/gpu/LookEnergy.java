package io.gpurunner.gpu;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;

/** Step 5: energy, power and utilisation before, under and after a load of 20 s. */
final class LookEnergy {
  private static final long IDLE_MILLIS = 3000;
  private static final long BUSY_MILLIS = 20_000;
  private static final long SAMPLE_MILLIS = 100;
  private static final Duration COMMAND_LIMIT = Duration.ofSeconds(12);

  private static final List<GpuFact> FACTS =
      List.of(
          GpuFact.ENERGY_MILLIJOULES,
          GpuFact.POWER_MILLIWATTS,
          GpuFact.UTILIZATION_PERCENT,
          GpuFact.MEMORY_UTILIZATION_PERCENT,
          GpuFact.SM_CLOCK_MHZ,
          GpuFact.MEMORY_CLOCK_MHZ,
          GpuFact.TEMPERATURE_CELSIUS,
          GpuFact.CLOCK_REASONS);

  private record Sample(long millis, Map<GpuFact, Long> facts) {}

  private final LookReport report;
  private final LookReport.Table table;
  private final LookGpu gpu;
  private final long beganNanos = System.nanoTime();

  private LookEnergy(GpuLook.Context context, LookGpu gpu) {
    this.report = context.report();
    this.gpu = gpu;
    List<String> columns = new ArrayList<>(List.of("phase", "millis"));
    FACTS.forEach(fact -> columns.add(fact.name()));
    this.table = report.table("energy", columns.toArray(String[]::new));
  }

  static void run(GpuLook.Context context) throws IOException, InterruptedException {
    try (LookGpu gpu = LookGpu.open(context);
        LookChild child = LookChild.start(context.cuda())) {
      LookEnergy look = new LookEnergy(context, gpu);
      child.ask("context", COMMAND_LIMIT);
      child.ask("load", COMMAND_LIMIT);
      look.summary("idle, with a context", look.during("idle", child, IDLE_MILLIS));
      child.send("spin " + BUSY_MILLIS);
      List<Sample> busy = look.during("busy", child, BUSY_MILLIS);
      look.report.line("the kernel ran: %s", child.answer(COMMAND_LIMIT));
      look.summary("busy", busy);
      look.firstBusy(busy);
      look.summary("idle again", look.during("after", child, IDLE_MILLIS));
      child.ask("end", COMMAND_LIMIT);
    }
  }

  private List<Sample> during(String phase, LookChild child, long millis)
      throws InterruptedException {
    List<Sample> samples = new ArrayList<>();
    long end = System.nanoTime() + millis * 1_000_000;
    while (System.nanoTime() < end && !child.hasAnswered()) {
      long began = System.nanoTime();
      Map<GpuFact, Long> facts = gpu.device().facts(EnumSet.allOf(GpuFact.Pace.class), Map.of());
      Sample sample = new Sample((began - beganNanos) / 1_000_000, facts);
      samples.add(sample);
      List<Object> row = new ArrayList<>(List.of(phase, sample.millis()));
      FACTS.forEach(fact -> row.add(facts.containsKey(fact) ? facts.get(fact) : ""));
      table.row(row.toArray());
      Thread.sleep(Math.max(1, SAMPLE_MILLIS - (System.nanoTime() - began) / 1_000_000));
    }
    return samples;
  }

  private void summary(String phase, List<Sample> samples) {
    if (samples.size() < 2) {
      report.line("%s: too few samples", phase);
      return;
    }
    double seconds = (samples.getLast().millis() - samples.getFirst().millis()) / 1e3;
    report.line("%s: %d samples in %.1f s", phase, samples.size(), seconds);
    Long first = samples.getFirst().facts().get(GpuFact.ENERGY_MILLIJOULES);
    Long last = samples.getLast().facts().get(GpuFact.ENERGY_MILLIJOULES);
    if (first == null || last == null) {
      report.line("  energy: absent");
    } else {
      Set<Long> values = new HashSet<>();
      samples.forEach(sample -> values.add(sample.facts().get(GpuFact.ENERGY_MILLIJOULES)));
      report.line(
          "  energy: %d mJ, which is %.1f W; the counter had %d values",
          last - first, (last - first) / 1e3 / seconds, values.size());
    }
    OptionalDouble power =
        samples.stream()
            .filter(sample -> sample.facts().containsKey(GpuFact.POWER_MILLIWATTS))
            .mapToLong(sample -> sample.facts().get(GpuFact.POWER_MILLIWATTS))
            .average();
    report.line(
        "  mean power: %s",
        power.isPresent() ? "%.1f W".formatted(power.getAsDouble() / 1e3) : "absent");
    for (GpuFact fact : FACTS) {
      if (fact != GpuFact.ENERGY_MILLIJOULES) {
        report.line("  %s: %s", fact, spread(fact, samples));
      }
    }
  }

  /** Returns the smallest, the middle and the largest value. */
  private static String spread(GpuFact fact, List<Sample> samples) {
    long[] values =
        samples.stream()
            .filter(sample -> sample.facts().containsKey(fact))
            .mapToLong(sample -> sample.facts().get(fact))
            .sorted()
            .toArray();
    return values.length == 0
        ? "absent"
        : "least %d, median %d, most %d"
            .formatted(values[0], values[values.length / 2], values[values.length - 1]);
  }

  private void firstBusy(List<Sample> busy) {
    Map<Long, Integer> counts = new TreeMap<>();
    busy.forEach(
        sample ->
            counts.merge(
                sample.facts().getOrDefault(GpuFact.UTILIZATION_PERCENT, -1L), 1, Integer::sum));
    report.line("  utilisation, and how often it was seen (-1 is absent): %s", counts);
    busy.stream()
        .filter(sample -> sample.facts().getOrDefault(GpuFact.UTILIZATION_PERCENT, 0L) > 0)
        .findFirst()
        .ifPresent(
            sample ->
                report.line(
                    "  the first utilisation above 0 came %d ms after the first sample",
                    sample.millis() - busy.getFirst().millis()));
  }
}
