package io.gpurunner.agent.metrics;

import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.OwedCallbacks;
import io.gpurunner.agent.run.QueueCensus;
import io.gpurunner.agent.run.WaitReason;
import io.gpurunner.api.Health;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** The samples of the queue, the callbacks, the disks and readiness. Thread-safe. */
final class MachineMetrics {
  private final JobLedger ledger;
  private final Supplier<QueueCensus> queue;
  private final Health health;
  private final Supplier<Map<String, Long>> freeBytes;
  private final Clock clock;

  MachineMetrics(
      JobLedger ledger,
      Supplier<QueueCensus> queue,
      Health health,
      Supplier<Map<String, Long>> freeBytes,
      Clock clock) {
    this.ledger = ledger;
    this.queue = queue;
    this.health = health;
    this.freeBytes = freeBytes;
    this.clock = clock;
  }

  void addTo(Samples samples) {
    Instant now = clock.instant();
    QueueCensus census = queue.get();
    for (WaitReason reason : WaitReason.values()) {
      String word = reason.name().toLowerCase(Locale.ROOT);
      samples.add(Family.QUEUE_JOBS, census.jobs().getOrDefault(reason, 0), word);
      samples.add(
          Family.QUEUE_OLDEST, age(Optional.ofNullable(census.oldest().get(reason)), now), word);
    }
    samples.add(Family.QUEUE_BESIDE_FREE_GPUS, age(census.besideFreeGpus(), now));
    OwedCallbacks callbacks = ledger.callbacks();
    samples.add(Family.CALLBACKS_OWED, callbacks.count());
    samples.add(Family.CALLBACKS_OLDEST, age(callbacks.oldestEnd(), now));
    freeBytes.get().forEach((volume, bytes) -> samples.add(Family.DISK_FREE, bytes, volume));
    for (Health.Part part : health.report().parts()) {
      samples.add(Family.READY, part.ok() ? 1 : 0, part.name());
    }
  }

  private static double age(Optional<Instant> since, Instant now) {
    return since.map(began -> Seconds.of(Duration.between(began, now))).orElse(0.0);
  }
}
