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
  /** Checkpoints copied at a time. More would make none of them faster. */
  public static final int COPYING_LIMIT = 2;

  /** Folders removed at a time. */
  static final int REMOVING_LIMIT = 2;

  /** Volumes measured at a time while their jobs run: walking trees is work for the disk. */
  static final int MEASURING_LIMIT = 4;

  /** Outputs of ended containers saved at a time, and directories prepared or mounted. */
  static final int SMALL_WORK_LIMIT = 16;

  /** Pieces of work of one kind that wait for a thread. There is at most one a job. */
  static final int WAITING_LIMIT = 1_024;

  private static final Duration IDLE_THREAD = Duration.ofSeconds(30);

  private final Map<Task, ThreadPoolExecutor> threads = new EnumMap<>(Task.class);

  /** What is done, each kind on threads of its own: none waits for one that takes longer. */
  public enum Task {
    /** Reads a model directory and sends it to the store. */
    PUBLISH("publish", ArtifactPublisher.AT_A_TIME),
    /** Copies checkpoints. */
    COPY("copy", COPYING_LIMIT),
    /** Removes what a job left. */
    REMOVE("remove", REMOVING_LIMIT),
    /** Measures the volumes of jobs that run. */
    MEASURE("measure", MEASURING_LIMIT),
    /** Measures the volumes of jobs that have ended, which hold their GPUs until then. */
    MEASURE_ENDED("measure-ended", MEASURING_LIMIT),
    /** Writes what a job left to disk. One at a time: see {@link JobVolumes#sync}. */
    SYNC("sync", 1),
    /** Prepares or mounts a job's directories. */
    PREPARE("prepare", SMALL_WORK_LIMIT),
    /** Saves a container's output. */
    SAVE("save", SMALL_WORK_LIMIT);

    private final String threadName;
    private final int limit;

    Task(String threadName, int limit) {
      this.threadName = threadName;
      this.limit = limit;
    }
  }

  /** Threads begin when there is work for them, and end when there is none for a while. */
  public FileWork() {
    for (Task task : Task.values()) {
      threads.put(task, pool(task.threadName, task.limit, WAITING_LIMIT));
    }
  }

  /** Daemon threads {@code name-1}, {@code name-2}, … that end when nothing is to be done. */
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
   * Does the work and returns its result, or throws what it threw.
   *
   * @throws StorageException UNAVAILABLE where too much waits already
   */
  public <T> T call(Task task, Supplier<T> work) {
    return Thread.currentThread().isVirtual() ? join(start(task, work)) : work.get();
  }

  /** Does work that returns nothing; see {@link #call}. */
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
   * The threads of one kind, for work that nobody waits for. Rejects work past the limit with
   * {@link RejectedExecutionException}.
   */
  public Executor executor(Task task) {
    ThreadPoolExecutor pool = threads.get(task);
    if (pool == null) {
      throw new AssertionError("every task has threads");
    }
    return pool;
  }

  /** The volumes with their work done on these threads. */
  public JobVolumes around(JobVolumes volumes) {
    return new VolumesOnThreads(volumes, this);
  }

  /** A store in a directory of this machine, with its work done on these threads. */
  public ArtifactStore around(ArtifactStore store) {
    return new StoreOnThreads(store, this);
  }

  /** Starts no more work; what is under way ends by itself, or with the process. */
  @Override
  public void close() {
    threads.values().forEach(ThreadPoolExecutor::shutdown);
  }
}
