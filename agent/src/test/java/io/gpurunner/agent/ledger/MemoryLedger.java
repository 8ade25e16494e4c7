package io.gpurunner.agent.ledger;

import io.gpurunner.agent.job.Job;
import io.gpurunner.api.JobId;
import io.gpurunner.gpu.GpuUuid;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.flywaydb.core.Flyway;
import org.h2.jdbcx.JdbcDataSource;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;

/**
 * Ledgers without file or thread, for the simulation: the real rows and the real writing of groups,
 * on a database in memory that outlives the ledgers opened on it. What was not committed when a
 * ledger is given up is gone, as what was not synced is after a kill. One thread.
 */
public final class MemoryLedger implements AutoCloseable {
  private static final List<String> TABLES =
      List.of("job", "job_event", "gpu_lease", "callback", "idempotency_key", "compaction");

  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Connection connection;
  private final Handle handle;
  private final JobRows rows = new JobRows();
  private final RowWriter writer;
  private boolean writing;

  /** Groups that were synced. */
  private long commits;

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
    void beforeSync() throws SQLException;

    /** A group is on disk, and nobody was told. */
    void afterSync() throws SQLException;

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

    /** Something is about to be read from the database. */
    void beforeRead();

    /** The database is about to be opened again; throws where it cannot be. */
    void beforeOpen();

    /** Whether what is committed is synced; otherwise it may be lost. */
    boolean syncs();

    /** Throws where the agent is dead. */
    void requireAlive();
  }

  /** A callback as recorded. */
  public record Callback(String deliveryId, JobId job, boolean success, String status, int tries) {}

  /** What {@link Faults} throw where the database cannot be had. */
  public static LedgerException failed(String message) {
    return new LedgerException(LedgerException.Kind.FAILED, message);
  }

  /** Makes an empty one. */
  public MemoryLedger() {
    JdbcDataSource source = new JdbcDataSource();
    source.setURL("jdbc:h2:mem:ledger-" + COUNT.incrementAndGet() + ";QUERY_CACHE_SIZE=100");
    try {
      this.connection = source.getConnection(); // the database is there while this one is open
      Flyway.configure().dataSource(source).locations("classpath:db/migration").load().migrate();
      connection.setAutoCommit(false);
    } catch (SQLException e) {
      throw new IllegalStateException("a database in memory cannot be made", e);
    }
    this.handle = Jdbi.open(connection);
    this.writer = new RowWriter(connection);
  }

  /** Forgets every job. */
  public void empty() {
    try {
      connection.rollback();
      TABLES.forEach(table -> handle.execute("delete from " + table));
      connection.commit();
    } catch (SQLException e) {
      throw new IllegalStateException("a database in memory fails", e);
    }
  }

  /** Opens a ledger on what was committed; the one before is dead. */
  public JobLedger open(Clock clock, Supplier<JobId> ids, Faults faults) {
    rollback();
    writing = false;
    return new JobLedger(
        new MemoryDatabase(faults), clock, ids, group -> new DirectCommits(group, faults));
  }

  /** The agent is dead: what it had not committed is gone. */
  public void rollback() {
    writer.take();
    try {
      connection.rollback();
    } catch (SQLException e) {
      throw new IllegalStateException("a database in memory fails", e);
    }
  }

  /** Whether a group is being written: what can be read need not be committed. */
  public boolean isWriting() {
    return writing;
  }

  /** A job as recorded, past all faults. */
  public Optional<Job> find(JobId id) {
    return rows.find(handle, id);
  }

  /** All jobs as recorded, oldest first. */
  public List<Job> all() {
    return rows.page(handle, Optional.empty(), Long.MAX_VALUE, 1, Integer.MAX_VALUE).reversed();
  }

  /** All leases as recorded. */
  public Map<GpuUuid, JobId> leases() {
    return new TreeMap<>(rows.leases(handle));
  }

  /** The bodies of all jobs as recorded, each as often as a job was made of it. */
  public List<String> sources() {
    return handle
        .createQuery("select source from job order by sequence")
        .mapTo(String.class)
        .list();
  }

  /** All callbacks as recorded. */
  public List<Callback> callbacks() {
    return handle
        .createQuery(
            "select delivery_id, job_id, success, status, tries from callback order by delivery_id")
        .map(
            (row, _) ->
                new Callback(
                    row.getString("delivery_id"),
                    new JobId(row.getString("job_id")),
                    row.getBoolean("success"),
                    row.getString("status"),
                    row.getInt("tries")))
        .list();
  }

  @Override
  public void close() {
    try {
      connection.close(); // the last one: the database goes with it
    } catch (SQLException e) {
      throw new IllegalStateException("a database in memory fails", e);
    }
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
        return commit.await(0);
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

  private final class MemoryDatabase implements LedgerDatabase {
    private final Faults faults;
    private boolean open = true;

    MemoryDatabase(Faults faults) {
      this.faults = faults;
    }

    @Override
    public boolean isOpen() {
      return open;
    }

    @Override
    public Handle writing() {
      requireOpen();
      return handle;
    }

    @Override
    public RowWriter rows() {
      requireOpen();
      return writer;
    }

    @Override
    public Connection connection() {
      requireOpen();
      return connection;
    }

    private void requireOpen() {
      if (!open) {
        throw new LedgerException(LedgerException.Kind.FAILED, describe() + " is not open");
      }
    }

    @Override
    public void commit() throws SQLException {
      requireOpen();
      writer.take();
      faults.beforeSync();
      if (faults.syncs()) {
        connection.commit();
        commits++;
      }
      faults.afterSync();
    }

    @Override
    public long commits() {
      return commits;
    }

    @Override
    public <T> T read(Function<Handle, T> query) {
      faults.beforeRead();
      requireOpen();
      return query.apply(handle);
    }

    @Override
    public String describe() {
      return "the ledger in memory";
    }

    @Override
    public void openAnew() {
      close();
      faults.beforeOpen();
      open = true;
    }

    @Override
    public void compactWhereGrown() {
      // It takes no space.
    }

    @Override
    public void checkpoint() {
      // Nothing of it is on any disk.
    }

    @Override
    public Optional<String> fault() {
      return Optional.empty();
    }

    @Override
    public void backUpWhereLast(Duration interval) {
      // Nothing in memory is worth one.
    }

    @Override
    public void shut() {
      close();
    }

    @Override
    public void close() {
      faults.requireAlive();
      rollback();
      open = false;
    }
  }
}
