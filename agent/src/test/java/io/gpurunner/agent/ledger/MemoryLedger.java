package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.agent.job.JobState;
import io.gpurunner.agent.ledger.commit.Commit;
import io.gpurunner.agent.ledger.commit.Commits;
import io.gpurunner.agent.ledger.commit.GroupCommit;
import io.gpurunner.agent.ledger.disk.Change;
import io.gpurunner.agent.ledger.disk.Entry;
import io.gpurunner.agent.ledger.disk.IndexView;
import io.gpurunner.agent.ledger.disk.JobRecord;
import io.gpurunner.agent.ledger.disk.LedgerDisk;
import io.gpurunner.agent.ledger.disk.LedgerPlace;
import io.gpurunner.agent.ledger.disk.LedgerStore;
import io.gpurunner.agent.ledger.disk.Needed;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.h2.store.fs.FilePath;

/**
 * Ledgers without a disk or a thread, for the simulation: the real journal, snapshots and index, in
 * memory that outlives the ledgers opened on it. What was not recorded when a ledger is given up is
 * gone, as it is after a kill. One thread.
 */
public final class MemoryLedger implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  /** So small that a life has several, and snapshots. */
  private static final int SEGMENT_BYTES = 16_384;

  private final int number = COUNT.incrementAndGet();
  private final LedgerPlace place =
      new LedgerPlace(SimulatedFiles.SCHEME + ":memFS:", Path.of("/" + number + "/ledger"));

  /** All that is recorded, oldest job first. */
  private final Map<JobId, JobRecord> recorded = new LinkedHashMap<>();

  private Optional<LedgerDisk> disk = Optional.empty();
  private boolean writing;

  /**
   * What can happen round a commit. Each may let others run meanwhile, and may throw an {@link
   * Error}: then the agent is dead, and so is the ledger.
   */
  public interface Faults {
    /** A commit is about to be handed in. */
    void beforeCommit();

    /** A commit was handed in, and others may join its group. */
    void whileWaiting();

    /** A group was written, and is not on disk: all of it may be read. */
    void beforeSync() throws IOException;

    /** A group is on disk, and nobody was told. */
    void afterSync() throws IOException;

    /** A group is settled, and the caller goes on with what came of it. */
    void afterCommit();

    /**
     * Whether the disk takes so long for this commit that its caller is not told what came of it.
     */
    boolean isLate();

    /**
     * A caller was told that it is not known whether its commit is recorded.
     *
     * @param settled whether it is known by now
     */
    void toldUnknown(BooleanSupplier settled);

    /** Something is about to be read from the index. */
    void beforeRead();

    /** The ledger is about to be opened again; throws where it cannot be. */
    void beforeOpen();

    /** Whether what is committed is synced; otherwise it may be lost. */
    boolean syncs();

    /** Throws where the agent is dead. */
    void requireAlive();

    /** The store that is used in the place of this one. */
    default LedgerStore store(LedgerStore store) {
      return store;
    }
  }

  /** A callback as recorded. */
  public record Callback(String deliveryId, JobId job, boolean success, String status, int tries) {}

  /** What {@link Faults} throw where the ledger cannot be had. */
  public static LedgerException failed(String message) {
    return new LedgerException(LedgerException.Kind.FAILED, message);
  }

  /** Forgets every job. */
  public void empty() {
    rollback();
    try {
      FilePath directory = FilePath.get(place.scheme() + place.directory());
      if (directory.isDirectory()) {
        directory.newDirectoryStream().forEach(FilePath::delete);
      }
      recorded.clear();
    } catch (RuntimeException e) {
      throw new IllegalStateException("files in memory fail", e);
    }
  }

  /** Opens a ledger on what was recorded; the one before is dead. */
  public JobLedger open(Clock clock, Supplier<JobId> ids, Faults faults) {
    rollback();
    writing = false;
    Records records = new Records();
    try {
      LedgerDisk opened = LedgerDisk.open(place, SEGMENT_BYTES, records::applied);
      disk = Optional.of(opened);
      load(opened);
      FaultyStore store = new FaultyStore(opened, faults);
      JobLedger ledger =
          new JobLedger(
              clock,
              faults.store(store),
              records,
              ids,
              CommitWatch.NONE,
              group -> new DirectCommits(group, faults));
      store.opened = true;
      SimulatedFiles.set(number, syncsOf(faults));
      return ledger;
    } catch (IOException e) {
      throw new IllegalStateException("a ledger in memory fails", e);
    }
  }

  private void load(LedgerDisk opened) throws IOException {
    recorded.clear();
    List<Job> jobs =
        opened.read(view -> view.page(Optional.empty(), 1, Integer.MAX_VALUE, job -> job));
    for (Job job : jobs.reversed()) {
      opened.read(view -> view.find(job.id())).ifPresent(record -> recorded.put(job.id(), record));
    }
  }

  private static SimulatedFiles.Syncs syncsOf(Faults faults) {
    return new SimulatedFiles.Syncs() {
      @Override
      public void before() throws IOException {
        faults.beforeSync();
      }

      @Override
      public void after() throws IOException {
        faults.afterSync();
      }
    };
  }

  /** The agent is dead: what it had not recorded is gone. */
  public void rollback() {
    SimulatedFiles.set(number, SimulatedFiles.Syncs.NONE);
    disk.ifPresent(LedgerDisk::close);
    disk = Optional.empty();
  }

  /** A fault that is planted: the oldest segment of the journal goes. */
  public void dropOldestSegment() {
    FilePath.get(place.scheme() + place.directory()).newDirectoryStream().stream()
        .filter(file -> file.getName().matches("journal-[0-9]+"))
        .min(Comparator.comparing(FilePath::getName))
        .ifPresent(FilePath::delete);
  }

  /** Whether a group is being written: what can be read need not be committed. */
  public boolean isWriting() {
    return writing;
  }

  /** A job as recorded, past all faults. */
  public Optional<Job> find(JobId id) {
    return Optional.ofNullable(recorded.get(id)).map(JobRecord::job);
  }

  /** All jobs as recorded, oldest first. */
  public List<Job> all() {
    return recorded.values().stream().map(JobRecord::job).toList();
  }

  /** All leases as recorded. */
  public Map<GpuUuid, JobId> leases() {
    Map<GpuUuid, JobId> leases = new TreeMap<>();
    for (Job job : all()) {
      if (job.state() instanceof JobState.Placed placed) {
        placed.gpus().forEach(gpu -> leases.put(gpu, job.id()));
      }
    }
    return leases;
  }

  /** The names that users gave all jobs as recorded, each as often as a job has it. */
  public List<String> names() {
    return all().stream().flatMap(job -> job.request().name().stream()).toList();
  }

  /** All callbacks as recorded. */
  public List<Callback> callbacks() {
    return recorded.values().stream()
        .flatMap(
            record ->
                record.callback().stream()
                    .map(
                        one ->
                            new Callback(
                                one.deliveryId(),
                                record.job().id(),
                                one.success(),
                                one.status().name(),
                                one.tries())))
        .sorted(Comparator.comparing(Callback::deliveryId))
        .toList();
  }

  @Override
  public void close() {
    empty();
    SimulatedFiles.forget(number);
  }

  /** Commits on the caller's own thread, in groups where others come in between. */
  private final class DirectCommits implements Commits {
    private final GroupCommit groups;
    private final Faults faults;
    private final Deque<Commit<?>> waiting = new ArrayDeque<>();
    private long groupsOnDisk;

    DirectCommits(GroupCommit.Group group, Faults faults) {
      this.groups = new GroupCommit(group);
      this.faults = faults;
    }

    @Override
    public <T> T commit(Supplier<T> work) {
      faults.beforeCommit();
      Commit<T> commit = new Commit<>(work);
      waiting.add(commit);
      faults.whileWaiting();
      if (!commit.isSettled() && (writing || faults.isLate())) {
        // Its caller is called while a group is written, and cannot wait for the next; or the disk
        // hangs for longer than callers wait, and takes what was handed in before what comes next.
        faults.toldUnknown(commit::isSettled);
        throw new LedgerException(
            LedgerException.Kind.UNKNOWN, "the disk did not take it in time; it still will");
      }
      writeWaiting();
      faults.requireAlive();
      faults.afterCommit();
      try {
        return commit.await();
      } catch (LedgerException e) {
        if (e.kind() == LedgerException.Kind.UNKNOWN) {
          long before = groupsOnDisk;
          faults.toldUnknown(() -> groupsOnDisk > before);
        }
        throw e;
      }
    }

    private void writeWaiting() {
      while (!waiting.isEmpty()) {
        List<Commit<?>> group = new ArrayList<>(waiting);
        waiting.clear();
        writing = true;
        try {
          groups.write(group);
        } finally {
          writing = false;
        }
        if (groups.fault().isEmpty()) {
          groupsOnDisk++;
        }
        faults.requireAlive();
      }
    }

    @Override
    public Optional<String> fault() {
      return groups.fault();
    }

    @Override
    public void close() {
      // Nothing waits once a commit has returned.
    }
  }

  private final class FaultyStore implements LedgerStore {
    private final LedgerDisk disk;
    private final Faults faults;
    private boolean opened;

    FaultyStore(LedgerDisk disk, Faults faults) {
      this.disk = disk;
      this.faults = faults;
    }

    @Override
    public Needed needed() throws IOException {
      return disk.needed();
    }

    @Override
    public void record(List<Entry> entries) throws IOException {
      if (!faults.syncs()) {
        return;
      }
      disk.record(entries);
      for (Entry entry : entries) {
        recorded.compute(
            entry.id(),
            (_, record) -> JobRecord.after(Optional.ofNullable(record), entry).orElse(null));
      }
    }

    @Override
    public void publish(Collection<Change> changes) {
      disk.publish(changes);
      disk.tidy();
    }

    @Override
    public void awaitIndex() {
      disk.awaitIndex();
    }

    @Override
    public <T> T read(Function<IndexView, T> query) throws IOException {
      if (opened) {
        faults.beforeRead();
      }
      return disk.read(query);
    }

    @Override
    public <T> T readBehind(Function<IndexView, T> query) throws IOException {
      return disk.readBehind(query);
    }

    @Override
    public void retry() {
      disk.retry();
    }

    @Override
    public void tidy() {
      disk.tidy();
    }

    @Override
    public void backUpWhereLast(Duration interval, Instant now) {
      // Nothing in memory is worth one.
    }

    @Override
    public Optional<String> fault() {
      return disk.fault();
    }

    @Override
    public void close() {
      faults.requireAlive();
      rollback();
    }
  }
}
