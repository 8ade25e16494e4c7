package io.gpurunner.storage;

import io.gpurunner.storage.StorageException.Kind;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * The platform threads on which the agent reads, writes, measures and removes files. A file call
 * holds the carrier of a virtual thread until it returns, and there are as many carriers as
 * processors: two uploads would stop the API and every job. So a virtual thread hands the work over
 * and waits without a carrier. A platform thread does the work itself. Thread-safe; one for the
 * whole agent.
 */
public final class FileWork implements AutoCloseable {
  /**
   * The largest number of checkpoints that are copied at a time. More would make none of them
   * faster.
   */
  public static final int COPYING_LIMIT = 2;

  /** The largest number of folders that are removed at a time. */
  static final int REMOVING_LIMIT = 2;

  /**
   * The largest number of volumes that are measured at a time while their jobs run. A walk through
   * a tree is work for the disk.
   */
  static final int MEASURING_LIMIT = 4;

  /**
   * The largest number of outputs of ended containers that are saved at a time, and of directories
   * that are prepared or mounted.
   */
  static final int SMALL_WORK_LIMIT = 16;

  /**
   * The largest number of pieces of one kind of work that wait for a thread. A job has at most one.
   */
  static final int WAITING_LIMIT = 1_024;

  private static final Duration IDLE_THREAD = Duration.ofSeconds(30);

  private final Map<Task, ThreadPoolExecutor> threads = new EnumMap<>(Task.class);

  /** The kinds of work. Each has threads of its own, so no kind waits for a slower one. */
  public enum Task {
    /** Reading a model directory and sending it to the store. */
    PUBLISH("publish", ArtifactPublisher.AT_A_TIME),
    /** Copying checkpoints. */
    COPY("copy", COPYING_LIMIT),
    /** Removing what a job left. */
    REMOVE("remove", REMOVING_LIMIT),
    /** Measuring the volumes of running jobs. */
    MEASURE("measure", MEASURING_LIMIT),
    /** Measuring the volumes of ended jobs, which hold their GPUs until then. */
    MEASURE_ENDED("measure-ended", MEASURING_LIMIT),
    /** Syncing what a job left. One at a time: see {@link JobVolumes#sync}. */
    SYNC("sync", 1),
    /** Preparing or mounting a job's directories. */
    PREPARE("prepare", SMALL_WORK_LIMIT),
    /** Saving a container's output. */
    SAVE("save", SMALL_WORK_LIMIT);

    private final String threadName;
    private final int limit;

    Task(String threadName, int limit) {
      this.threadName = threadName;
      this.limit = limit;
    }
  }

  /**
   * Opens the thread pools. A thread begins when there is work for it, and ends when there is none
   * for a while.
   */
  public FileWork() {
    for (Task task : Task.values()) {
      threads.put(task, pool(task.threadName, task.limit, WAITING_LIMIT));
    }
  }

  /**
   * Creates a pool of daemon threads {@code name-1}, {@code name-2}, … that end when they have
   * nothing to do.
   */
  static ThreadPoolExecutor pool(String name, int limit, int waiting) {
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            limit,
            limit,
            IDLE_THREAD.toSeconds(),
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(waiting),
            Thread.ofPlatform().name(name + "-", 1).daemon().factory());
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  /**
   * Does the work on its thread, and returns its result or throws its exception.
   *
   * @throws StorageException UNAVAILABLE if too much work waits already
   */
  public <T> T call(Task task, Supplier<T> work) {
    return Thread.currentThread().isVirtual() ? join(start(task, work)) : work.get();
  }

  /** Does work without a result; see {@link #call}. */
  public void run(Task task, Runnable work) {
    call(
        task,
        () -> {
          work.run();
          return task;
        });
  }

  private <T> CompletableFuture<T> start(Task task, Supplier<T> work) {
    try {
      return CompletableFuture.supplyAsync(work, executor(task));
    } catch (RejectedExecutionException full) {
      throw new StorageException(
          Kind.UNAVAILABLE,
          "the agent has too much other work of this kind (%s); it tries again by itself"
              .formatted(task.threadName),
          full);
    }
  }

  private static <T> T join(CompletableFuture<T> work) {
    try {
      return work.join();
    } catch (CompletionException failed) {
      switch (failed.getCause()) {
        case RuntimeException thrown -> throw thrown;
        case Error thrown -> throw thrown;
        case null, default -> throw failed;
      }
    }
  }

  /**
   * Returns the threads of one kind, for work that nobody waits for. It rejects work beyond the
   * limit with {@link RejectedExecutionException}.
   */
  public Executor executor(Task task) {
    ThreadPoolExecutor pool = threads.get(task);
    if (pool == null) {
      throw new AssertionError("every task has threads");
    }
    return pool;
  }

  /** Returns the volumes with their work on these threads. */
  public JobVolumes around(JobVolumes volumes) {
    return new VolumesOnThreads(volumes, this);
  }

  /** Returns a store in a directory of this machine with its work on these threads. */
  public ArtifactStore around(ArtifactStore store) {
    return new StoreOnThreads(store, this);
  }

  /** Starts no more work. Work under way ends by itself, or with the process. */
  @Override
  public void close() {
    threads.values().forEach(ThreadPoolExecutor::shutdown);
  }
}
