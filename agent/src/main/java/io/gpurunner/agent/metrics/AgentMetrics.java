package io.gpurunner.agent.metrics;

import io.gpurunner.agent.callback.CallbackResult;
import io.gpurunner.agent.ledger.CommitWatch;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.log.LogTally;
import io.gpurunner.agent.run.CallbackOutbox;
import io.gpurunner.agent.run.Dispatcher;
import io.gpurunner.agent.run.GpuMeter;
import io.gpurunner.agent.run.GpuReports;
import io.gpurunner.agent.run.Readiness;
import io.gpurunner.api.Metrics;
import io.gpurunner.gpu.GpuInventory;
import io.gpurunner.storage.ArtifactPublisher;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.OpenMetricsTextFormatWriter;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.Optional;
import java.util.function.IntSupplier;
import java.util.stream.Stream;

/**
 * All metrics of the agent. Counters and histograms follow what the parts report. Everything else
 * is read at a scrape from what the parts keep in memory, so that a scrape waits for nothing.
 * Thread-safe.
 */
public final class AgentMetrics implements Metrics {
  private static final String OPEN_METRICS = "application/openmetrics-text";

  private final PrometheusRegistry registry = new PrometheusRegistry();
  private final Instruments instruments = new Instruments(registry);
  private final ExpositionFormatWriter text = PrometheusTextFormatWriter.create();
  private final ExpositionFormatWriter openMetrics = OpenMetricsTextFormatWriter.create();
  private final String version;
  private final Optional<String> dcgmHostName;
  private final Clock clock;

  /**
   * The parts that are read.
   *
   * @param reports describes the GPUs
   * @param logFollowers returns how many clients follow what a job prints
   */
  public record Parts(
      JobLedger ledger,
      Dispatcher dispatcher,
      CallbackOutbox callbacks,
      ArtifactPublisher publisher,
      Readiness readiness,
      GpuInventory gpus,
      GpuReports reports,
      GpuMeter meter,
      LogTally logs,
      IntSupplier logFollowers) {}

  /**
   * @param version the agent's version
   * @param dcgmHostName the name of this host, if the names of DCGM's exporter are wanted too
   */
  public AgentMetrics(String version, Optional<String> dcgmHostName, Clock clock) {
    this.version = version;
    this.dcgmHostName = dcgmHostName;
    this.clock = clock;
  }

  /** Returns a watch for the ledger that measures commits and calls another watch. Called once. */
  public CommitWatch around(CommitWatch inner) {
    return new LedgerMetrics(inner, instruments, clock);
  }

  /** Begins to follow the parts. Called once, before they start. */
  public void follow(Parts parts) {
    JobMetrics jobs = new JobMetrics(instruments, clock);
    jobs.follow(parts.ledger());
    Counter uploaded = instruments.counter(Family.UPLOAD_BYTES);
    parts.publisher().listen(published -> uploaded.inc(published.totalBytes()));
    Counter attempts = instruments.counter(Family.CALLBACK_ATTEMPTS);
    Stream.of("delivered", "rejected", "failed", "forbidden").forEach(attempts::initLabelValues);
    parts.callbacks().listen(result -> attempts.labelValues(word(result)).inc());
    XidCounts xids = new XidCounts();
    parts.meter().listen(xids::looked);
    GpuMetrics gpus =
        new GpuMetrics(parts.gpus()::snapshot, parts.reports()::of, parts.meter()::spent, xids);
    MachineMetrics machine =
        new MachineMetrics(
            parts.ledger(),
            parts.dispatcher()::census,
            parts.readiness(),
            parts.readiness()::freeBytes,
            clock);
    LogMetrics logs = new LogMetrics(parts.logs(), parts.logFollowers());
    Optional<DcgmMetrics> dcgm =
        dcgmHostName.map(host -> new DcgmMetrics(parts.gpus()::snapshot, xids, host));
    MultiCollector read =
        () -> {
          Samples samples = new Samples();
          samples.add(Family.BUILD, 1, version);
          jobs.addTo(samples);
          machine.addTo(samples);
          logs.addTo(samples);
          gpus.addTo(samples);
          dcgm.ifPresent(names -> names.addTo(samples));
          return samples.snapshots();
        };
    registry.register(read);
  }

  private static String word(CallbackResult result) {
    return switch (result) {
      case CallbackResult.Delivered _ -> "delivered";
      case CallbackResult.Rejected _ -> "rejected";
      case CallbackResult.Failed _ -> "failed";
      case CallbackResult.Forbidden _ -> "forbidden";
    };
  }

  @Override
  public Page scrape(String accept) {
    ExpositionFormatWriter writer = accept.contains(OPEN_METRICS) ? openMetrics : text;
    MetricSnapshots all = registry.scrape();
    ByteArrayOutputStream page = new ByteArrayOutputStream();
    try {
      writer.write(page, all);
    } catch (IOException e) {
      throw new UncheckedIOException("memory cannot be written", e);
    }
    return new Page(writer.getContentType(), page.toString(StandardCharsets.UTF_8));
  }
}
