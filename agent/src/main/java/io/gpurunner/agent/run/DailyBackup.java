package io.gpurunner.agent.run;

import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Backs the ledger up once a day. Thread-safe. */
public final class DailyBackup implements AutoCloseable {
  private static final Duration LOOK_INTERVAL = Duration.ofHours(1);

  private static final Logger log = LoggerFactory.getLogger(DailyBackup.class);

  private final JobLedger ledger;
  private final Rounds rounds = new Rounds("backups", this::round);

  public DailyBackup(JobLedger ledger) {
    this.ledger = ledger;
  }

  /** Starts to check every hour whether a backup is due. Called once. */
  public void start() {
    rounds.startLater();
  }

  private Duration round() {
    try {
      ledger.backUpDaily();
    } catch (LedgerException e) {
      log.error("{}; trying again in {}", e.getMessage(), LOOK_INTERVAL);
    }
    return LOOK_INTERVAL;
  }

  @Override
  public void close() {
    rounds.close();
  }
}
