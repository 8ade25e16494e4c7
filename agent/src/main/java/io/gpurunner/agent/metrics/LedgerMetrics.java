package io.gpurunner.agent.metrics;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.CommitWatch;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.Histogram;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;

/** Measures the groups of commits. For the ledger's thread. */
final class LedgerMetrics implements CommitWatch {
  private final CommitWatch inner;
  private final Clock clock;
  private final Counter commits;
  private final Histogram sync;
  private final Histogram group;
  private Instant began = Instant.EPOCH;

  /**
   * @param inner another watch, which is called at the same boundaries
   */
  LedgerMetrics(CommitWatch inner, Instruments instruments, Clock clock) {
    this.inner = inner;
    this.clock = clock;
    this.commits = instruments.counter(Family.LEDGER_COMMITS);
    this.sync = instruments.histogram(Family.LEDGER_SYNC, 0.001, 0.003, 0.01, 0.03, 0.1, 1, 10);
    this.group = instruments.histogram(Family.LEDGER_GROUP, 1, 4, 16, 64, 256);
  }

  @Override
  public void reached(Boundary boundary, Collection<Job> changed) {
    switch (boundary) {
      case UNCOMMITTED -> {
        inner.reached(boundary, changed);
        began = clock.instant();
      }
      case UNTOLD -> {
        if (!changed.isEmpty()) { // otherwise nothing was written
          commits.inc(changed.size());
          group.observe(changed.size());
          sync.observe(Seconds.of(Duration.between(began, clock.instant())));
        }
        inner.reached(boundary, changed);
      }
      case TOLD -> inner.reached(boundary, changed);
    }
  }
}
