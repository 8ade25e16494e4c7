package io.gpurunner.agent.run;

import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes the files of jobs that ended longer ago than the retention time. What is in an S3 bucket
 * is the bucket's owner's and stays. Thread-safe.
 */
public final class Retention implements AutoCloseable {
  private static final Duration ROUND_INTERVAL = Duration.ofMinutes(10);
  private static final int ROUND_LIMIT = 100;

  private static final Logger log = LoggerFactory.getLogger(Retention.class);

  private final JobLedger ledger;
  private final JobVolumes volumes;
  private final Optional<ArtifactStore> localStore;
  private final Duration keepFor;
  private final Clock clock;
  private final Rounds rounds = new Rounds("retention", this::round);

  /**
   * @param localStore the store, where it is a directory of this machine
   */
  public Retention(
      JobLedger ledger,
      JobVolumes volumes,
      Optional<ArtifactStore> localStore,
      Duration keepFor,
      Clock clock) {
    this.ledger = ledger;
    this.volumes = volumes;
    this.localStore = localStore;
    this.keepFor = keepFor;
    this.clock = clock;
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.start();
  }

  /** One round. */
  Duration round() {
    for (JobId id : ledger.sweepable(clock.instant().minus(keepFor), ROUND_LIMIT)) {
      JobFolder folder = VolumeLimits.folderOf(id);
      try {
        volumes.delete(folder);
        localStore.ifPresent(store -> store.deleteAll(folder));
        ledger.swept(id);
        log.info("{} files removed: the job ended more than {} ago", id, keepFor);
      } catch (StorageException e) {
        log.error(
            "{} files could not be removed, trying again in {}: {}",
            id,
            ROUND_INTERVAL,
            e.getMessage());
      }
    }
    return ROUND_INTERVAL;
  }

  @Override
  public void close() {
    rounds.close();
  }
}
