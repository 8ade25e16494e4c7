package io.gpurunner.agent.metrics;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The names of what the agent exports, for tests of other packages. */
public final class MetricNames {
  private MetricNames() {}

  /** Returns all families with the words that the text format has for their kinds. */
  public static Map<String, String> families() {
    return Arrays.stream(Family.values())
        .collect(
            Collectors.toMap(
                Family::metric,
                family ->
                    switch (family.kind()) {
                      case GAUGE, INFO -> "gauge";
                      case COUNTER -> "counter";
                      case HISTOGRAM -> "histogram";
                    }));
  }

  /** Returns the names of DCGM's exporter. */
  public static List<String> dcgm() {
    return Arrays.stream(DcgmMetrics.Field.values()).map(Enum::name).toList();
  }

  /** Returns the names of all samples, as a query uses them. */
  static List<String> samples() {
    return Arrays.stream(Family.values())
        .flatMap(
            family ->
                family.kind() == Family.Kind.HISTOGRAM
                    ? Stream.of("_bucket", "_sum", "_count").map(end -> family.metric() + end)
                    : Stream.of(family.metric()))
        .toList();
  }
}
