package io.gpurunner.agent.run;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobFiles;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.JobLedger;
import io.gpurunner.agent.ledger.LedgerException;
import io.gpurunner.api.JobId;
import io.gpurunner.storage.KeptFolders;
import io.gpurunner.storage.StorageException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures what is kept of each user's jobs that have ended. The files of such a job do not change,
 * so each job is measured once after an agent's start, or after its end. Until then it counts as
 * much as it asked for. Thread-safe.
 */
public final class KeptDisk implements UserDisk, AutoCloseable {
  private static final Duration ROUND_INTERVAL = Duration.ofMinutes(5);

  /** The pause after a round, however many jobs end meanwhile. */
  private static final Duration REST = Duration.ofSeconds(2);

  private static final Logger log = LoggerFactory.getLogger(KeptDisk.class);

  private final JobLedger ledger;
  private final KeptFolders folders;
  private final OptionalLong limitBytes;
  private final Map<JobId, Kept> kept = new ConcurrentHashMap<>();
  private final Rounds rounds = new Rounds("kept-disk", this::round, () -> REST);
  private volatile boolean isComplete;

  /** What is kept of a job; its size may not be measured yet. */
  private record Kept(String user, long bytes, boolean measured) {}

  /**
   * @param limitBytes the most that one user may have; if it is empty, nothing is measured
   */
  public KeptDisk(JobLedger ledger, KeptFolders folders, OptionalLong limitBytes) {
    this.ledger = ledger;
    this.folders = folders;
    this.limitBytes = limitBytes;
  }

  /** Starts the rounds if there is a limit. Called once. */
  public void start() {
    if (limitBytes.isPresent()) {
      ledger.listen(this::heardOf);
      rounds.start();
    }
  }

  /** Notes a job that has ended, or whose files are gone. Called on the ledger's thread. */
  void heardOf(Job job) {
    if (job.state() instanceof JobState.Final && job.files() != JobFiles.SWEPT) {
      kept.putIfAbsent(job.id(), unmeasured(job));
      rounds.ring();
    } else {
      kept.remove(job.id()); // a live job counts by what is reserved for it
    }
  }

  private static Kept unmeasured(Job job) {
    long asked =
        RequestedVolumes.checkpointBytes(job.request())
            + RequestedVolumes.modelBytes(job.request());
    return new Kept(job.user(), asked, false);
  }

  /** Does one round. Called by the loop, and by tests instead of it. */
  Duration round() {
    try {
      Set<String> names = folders.names();
      kept.keySet().removeIf(id -> !names.contains(id.value()) || ledger.findLive(id).isPresent());
      for (String name : names) {
        JobId.parse(name).ifPresent(this::measure);
      }
      isComplete = true;
    } catch (StorageException | LedgerException e) {
      log.error("what users keep on the disk cannot be measured: {}", e.getMessage());
    }
    return ROUND_INTERVAL;
  }

  private void measure(JobId id) {
    Kept known = kept.get(id);
    if (known != null && known.measured()) {
      return;
    }
    Optional<Job> ended =
        ledger
            .find(id)
            .filter(job -> job.state() instanceof JobState.Final)
            .filter(job -> job.files() != JobFiles.SWEPT);
    if (ended.isPresent()) {
      Job job = ended.get();
      Kept before = kept.computeIfAbsent(id, _ -> unmeasured(job));
      // Its state may have changed meanwhile. Then what was heard of it stays.
      kept.replace(id, before, new Kept(job.user(), folders.bytes(job.folder()), true));
    }
  }

  @Override
  public OptionalLong limitBytes() {
    return limitBytes;
  }

  @Override
  public long keptBytes(String user) {
    return kept.values().stream()
        .filter(job -> job.user().equals(user))
        .mapToLong(Kept::bytes)
        .sum();
  }

  /** Returns what a user has left. Until all is measured once, that is nothing. */
  @Override
  public OptionalLong leftBytes(String user) {
    return limitBytes.isPresent() && !isComplete
        ? OptionalLong.of(0)
        : UserDisk.super.leftBytes(user);
  }

  @Override
  public void close() {
    rounds.close();
  }
}
