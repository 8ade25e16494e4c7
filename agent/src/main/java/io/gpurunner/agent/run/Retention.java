package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.ArtifactStore;
import io.gpurunner.storage.JobFolder;
import io.gpurunner.storage.JobVolumes;
import io.gpurunner.storage.StorageException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes the files of jobs that ended longer ago than the retention time, of deleted jobs sooner,
 * and at once those that a user purged. Removes the records of jobs that ended long ago. Unmounts
 * the volumes of jobs that have ended. Objects in an S3 bucket belong to the owner of the bucket
 * and stay. Thread-safe.
 */
public final class Retention implements AutoCloseable {
  private static final Duration ROUND_INTERVAL = Duration.ofMinutes(10);
  private static final int PAGE_SIZE = 100;

  /** The pause after a round, however many jobs end meanwhile. */
  private static final Duration REST = Duration.ofSeconds(10);

  /** Later than every end of a job: what a user purges is removed whenever the job has ended. */
  private static final Instant AT_ANY_TIME = Instant.ofEpochMilli(Long.MAX_VALUE);

  /**
   * The largest number of deleted jobs that are looked at again, because others need their files.
   */
  private static final int POSTPONED_LIMIT = 1_000;

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
  private final Duration deletedKeepFor;
  private final Clock clock;
  private final InstantSource wall;
  private final Predicate<JobId> givingUp;
  private final Rounds rounds = new Rounds("retention", this::round, () -> REST);

  /** The last job with kept files that was asked whether it is a deleted one. */
  private Optional<Job> askedLast = Optional.empty();

  private final Set<JobId> postponed = new LinkedHashSet<>();

  /**
   * @param localStore the store in a directory of this machine, if there is one
   * @param keepFor how long the files of an ended job are kept
   * @param deletedKeepFor how long those of a deleted job are kept, if that is shorter
   * @param wall the machine's clock; files and records are removed only if they are old by both
   *     clocks
   */
  public Retention(
      JobLedger ledger,
      JobVolumes volumes,
      Optional<ArtifactStore> localStore,
      Duration keepFor,
      Duration deletedKeepFor,
      Clock clock,
      InstantSource wall) {
    this(ledger, volumes, localStore, keepFor, deletedKeepFor, clock, wall, ledger::giveFilesUp);
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
      Duration deletedKeepFor,
      Clock clock,
      InstantSource wall,
      Predicate<JobId> givingUp) {
    this.deletedKeepFor = deletedKeepFor.compareTo(keepFor) < 0 ? deletedKeepFor : keepFor;
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
    ledger.listen(
        job -> {
          if (job.state() instanceof JobState.Final) {
            rounds.ring();
          }
        });
    rounds.startLater();
  }

  private Instant now() {
    Instant now = clock.instant();
    Instant onTheWall = wall.instant();
    return onTheWall.isBefore(now) ? onTheWall : now;
  }

  /** Does one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    unmount();
    sweepBegun();
    sweepDeleted();
    Instant endedBefore = now().minus(keepFor);
    List<Job> page = ledger.sweepable(endedBefore, Optional.empty(), PAGE_SIZE);
    while (!page.isEmpty()) {
      page.forEach(this::sweep);
      page = ledger.sweepable(endedBefore, Optional.of(page.getLast()), PAGE_SIZE);
    }
    forgetOld();
    return ROUND_INTERVAL;
  }

  private void unmount() {
    try {
      volumes.rest(this::isNeeded);
    } catch (StorageException e) {
      log.warn("the volumes of ended jobs are unmounted later: {}", e.getMessage());
    }
  }

  /** Returns whether a job that has not ended uses these volumes, or resumes from them. */
  private boolean isNeeded(JobFolder folder) {
    return ledger.live().stream()
        .anyMatch(
            job ->
                job.folder().equals(folder)
                    || job.request()
                        .resumeFrom()
                        .filter(id -> id.value().equals(folder.name()))
                        .isPresent());
  }

  /** Removes the files whose removal is recorded, above all those that a user purged. */
  private void sweepBegun() {
    Optional<Job> last = Optional.empty();
    List<Job> begun;
    do {
      begun =
          ledger.sweepable(AT_ANY_TIME, last, PAGE_SIZE).stream()
              .takeWhile(job -> job.files() == JobFiles.SWEEPING)
              .toList();
      begun.forEach(this::sweep);
      last = begun.isEmpty() ? last : Optional.of(begun.getLast());
    } while (begun.size() == PAGE_SIZE);
  }

  /** Removes the files of deleted jobs. Each job is asked once after an agent's start. */
  private void sweepDeleted() {
    List.copyOf(postponed).forEach(id -> ledger.find(id).ifPresent(this::sweepOfDeleted));
    Instant endedBefore = now().minus(deletedKeepFor);
    List<Job> page = ledger.sweepable(endedBefore, askedLast, PAGE_SIZE);
    while (!page.isEmpty()) {
      page.stream()
          .filter(job -> job.state() instanceof JobState.Deleted && job.files() == JobFiles.KEPT)
          .forEach(this::sweepOfDeleted);
      Job last = page.getLast();
      if (last.files() == JobFiles.KEPT) {
        askedLast = Optional.of(last);
      }
      page = ledger.sweepable(endedBefore, Optional.of(last), PAGE_SIZE);
    }
  }

  private void sweepOfDeleted(Job job) {
    if (sweep(job) || job.files() == JobFiles.SWEPT) {
      postponed.remove(job.id());
    } else if (postponed.size() < POSTPONED_LIMIT) {
      postponed.add(job.id());
    }
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

  /** Returns whether the files are removed now. */
  private boolean sweep(Job job) {
    try {
      if (!givingUp.test(job.id())) {
        return false;
      }
      volumes.delete(job.folder());
      localStore.ifPresent(store -> store.deleteAll(job.folder()));
      ledger.swept(job.id());
      log.info("{} files removed", job.id());
      return true;
    } catch (StorageException | LedgerException e) {
      log.error(
          "{} files could not be removed, trying again in {}: {}",
          job.id(),
          ROUND_INTERVAL,
          e.getMessage());
      return false;
    }
  }

  @Override
  public void close() {
    rounds.close();
  }
}
