package io.gpurunner.agent.metrics;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The samples of one scrape that are read from what other parts keep. A family without a sample is
 * absent. Not thread-safe.
 */
final class Samples {
  private final Map<Family, List<Sample>> families = new EnumMap<>(Family.class);
  private final List<MetricSnapshot> others = new ArrayList<>();

  private record Sample(Labels labels, double value) {}

  /**
   * Adds a sample.
   *
   * @param labels the values of the family's labels, in their order
   */
  void add(Family family, double value, String... labels) {
    families
        .computeIfAbsent(family, _ -> new ArrayList<>())
        .add(new Sample(Labels.of(family.labels().toArray(String[]::new), labels), value));
  }

  /**
   * Adds a sample of what may not be known.
   *
   * @param unit how much one of this value is in the unit of the family
   */
  void add(Family family, OptionalLong value, double unit, String... labels) {
    if (value.isPresent()) {
      add(family, value.getAsLong() * unit, labels);
    }
  }

  /** Adds a family that is not the agent's own. */
  void add(MetricSnapshot other) {
    others.add(other);
  }

  /** Returns all families that have a sample. */
  MetricSnapshots snapshots() {
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    families.forEach((family, samples) -> all.metricSnapshot(snapshot(family, samples)));
    others.forEach(all::metricSnapshot);
    return all.build();
  }

  private static MetricSnapshot snapshot(Family family, List<Sample> samples) {
    return switch (family.kind()) {
      case GAUGE -> gauge(family, samples);
      case COUNTER -> counter(family, samples);
      case INFO -> info(family, samples);
      case HISTOGRAM -> throw new IllegalStateException(family + " is measured, not read");
    };
  }

  private static GaugeSnapshot gauge(Family family, List<Sample> samples) {
    GaugeSnapshot.Builder gauge = GaugeSnapshot.builder().name(family.metric()).help(family.help());
    for (Sample sample : samples) {
      gauge.dataPoint(
          GaugeDataPointSnapshot.builder().labels(sample.labels).value(sample.value).build());
    }
    return gauge.build();
  }

  private static CounterSnapshot counter(Family family, List<Sample> samples) {
    CounterSnapshot.Builder counter =
        CounterSnapshot.builder().name(withoutEnding(family, "_total")).help(family.help());
    for (Sample sample : samples) {
      counter.dataPoint(
          CounterDataPointSnapshot.builder().labels(sample.labels).value(sample.value).build());
    }
    return counter.build();
  }

  private static InfoSnapshot info(Family family, List<Sample> samples) {
    InfoSnapshot.Builder info =
        InfoSnapshot.builder().name(withoutEnding(family, "_info")).help(family.help());
    for (Sample sample : samples) {
      info.dataPoint(InfoDataPointSnapshot.builder().labels(sample.labels).build());
    }
    return info.build();
  }

  /** The formats add the ending themselves. */
  private static String withoutEnding(Family family, String ending) {
    return family.metric().substring(0, family.metric().length() - ending.length());
  }
}
