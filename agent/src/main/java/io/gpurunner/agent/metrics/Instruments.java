package io.gpurunner.agent.metrics;

import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;

/** Creates the counters and histograms that the agent feeds itself. They begin at 0. */
final class Instruments {
  private final PrometheusRegistry registry;

  Instruments(PrometheusRegistry registry) {
    this.registry = registry;
  }

  Counter counter(Family family) {
    return Counter.builder()
        .name(family.metric())
        .help(family.help())
        .labelNames(family.labels().toArray(String[]::new))
        .withoutExemplars()
        .register(registry);
  }

  /**
   * @param bounds the upper bounds of the buckets, apart from the last, which has none
   */
  Histogram histogram(Family family, double... bounds) {
    return Histogram.builder()
        .name(family.metric())
        .help(family.help())
        .classicOnly()
        .classicUpperBounds(bounds)
        .withoutExemplars()
        .register(registry);
  }
}
