package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes the files of jobs that ended longer ago than the retention time, and the records of jobs
 * that ended long ago. Objects in an S3 bucket belong to the owner of the bucket and stay.
 * Thread-safe.
 */
public final class Retention implements AutoCloseable {
  private static final Duration ROUND_INTERVAL = Duration.ofMinutes(10);
  private static final int PAGE_SIZE = 100;

  /** How long the record of an ended job is kept. */
  private static final Duration RECORD_KEPT_FOR = Duration.ofDays(365);

  /** The largest number of records. Beyond it the oldest ones are removed earlier. */
  static final long RECORD_LIMIT = 1_000_000;

  /** The number of records that one commit removes. Other commits wait for it. */
  private static final int FORGET_SIZE = 20;

  /** The number of records that one round removes. */
  private static final int FORGET_LIMIT = 20_000;

  private static final Logger log = LoggerFactory.getLogger(Retention.class);

  private final JobLedger ledger;
  private final JobVolumes volumes;
  private final Optional<ArtifactStore> localStore;
  private final Duration keepFor;
  private final Clock clock;
  private final InstantSource wall;
  private final Predicate<JobId> givingUp;
  private final Rounds rounds = new Rounds("retention", this::round);

  /**
   * @param localStore the store in a directory of this machine, if there is one
   * @param wall the machine's clock; files and records are removed only if they are old by both
   *     clocks
   */
  public Retention(
      JobLedger ledger,
      JobVolumes volumes,
      Optional<ArtifactStore> localStore,
      Duration keepFor,
      Clock clock,
      InstantSource wall) {
    this(ledger, volumes, localStore, keepFor, clock, wall, ledger::giveFilesUp);
  }

  /**
   * @param givingUp records that the files of a job will be removed, and returns whether that is
   *     allowed
   */
  Retention(
      JobLedger ledger,
      JobVolumes volumes,
      Optional<ArtifactStore> localStore,
      Duration keepFor,
      Clock clock,
      InstantSource wall,
      Predicate<JobId> givingUp) {
    this.givingUp = givingUp;
    this.ledger = ledger;
    this.volumes = volumes;
    this.localStore = localStore;
    this.keepFor = keepFor;
    this.clock = clock;
    this.wall = wall;
  }

  /** Starts the rounds. Called once. */
  public void start() {
    rounds.startLater();
  }

  private Instant now() {
    Instant now = clock.instant();
    Instant onTheWall = wall.instant();
    return onTheWall.isBefore(now) ? onTheWall : now;
  }

  /** Does one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    Instant endedBefore = now().minus(keepFor);
    List<Job> page = ledger.sweepable(endedBefore, Optional.empty(), PAGE_SIZE);
    while (!page.isEmpty()) {
      page.forEach(this::sweep);
      page = ledger.sweepable(endedBefore, Optional.of(page.getLast()), PAGE_SIZE);
    }
    forgetOld();
    return ROUND_INTERVAL;
  }

  private void forgetOld() {
    Instant endedBefore = now().minus(RECORD_KEPT_FOR);
    try {
      int forgotten = 0;
      int last = FORGET_SIZE;
      while (last == FORGET_SIZE && forgotten < FORGET_LIMIT) {
        last = ledger.forget(endedBefore, RECORD_LIMIT, FORGET_SIZE);
        forgotten += last;
      }
      if (forgotten > 0) {
        log.info("the records of {} jobs that ended long ago were removed", forgotten);
      }
    } catch (LedgerException e) {
      log.error("old records could not be removed: {}", e.getMessage());
    }
  }

  private void sweep(Job job) {
    try {
      if (!givingUp.test(job.id())) {
        return;
      }
      volumes.delete(job.folder());
      localStore.ifPresent(store -> store.deleteAll(job.folder()));
      ledger.swept(job.id());
      log.info("{} files removed: the job ended more than {} ago", job.id(), keepFor);
    } catch (StorageException | LedgerException e) {
      log.error(
          "{} files could not be removed, trying again in {}: {}",
          job.id(),
          ROUND_INTERVAL,
          e.getMessage());
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
