package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import io.gpurunner.storage.FileWork;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The logs of all runs on this machine. A thread of its own follows each running container. Four
 * more write what was added, sync the logs, look whether a silent reading hangs, and end late
 * readings. Thread-safe.
 */
public final class RunLogs implements OutputKeeper, AutoCloseable {
  /** The most bytes that the output of one run takes on the disk. */
  public static final long MOST_BYTES_OF_A_RUN =
      RunLogLimits.HEAD_BYTES + RunLogLimits.TAIL_BYTES + 2 * RunLogLimits.SEGMENT_BYTES;

  private static final Logger log = LoggerFactory.getLogger(RunLogs.class);

  private final ContainerOutput output;
  private final FileWork files;
  private final Clock clock;
  private final RunLogLimits limits;
  private final LogTally tally = new LogTally();
  private final Map<Path, RunFollower> followers = new ConcurrentHashMap<>();
  private final ScheduledExecutorService flushes = timer("log-flush");
  private final ScheduledExecutorService syncs = timer("log-sync");
  private final ScheduledExecutorService checks = timer("log-check");
  private final ScheduledExecutorService alarms = timer("log-limit");

  public RunLogs(ContainerOutput output, FileWork files, Clock clock) {
    this(output, files, clock, RunLogLimits.USUAL);
  }

  RunLogs(ContainerOutput output, FileWork files, Clock clock, RunLogLimits limits) {
    this.output = new CountedOutput(output, tally);
    this.files = files;
    this.clock = clock;
    this.limits = limits;
    every(RunLogLimits.FLUSH_INTERVAL, flushes, RunFollower::flush);
    every(RunLogLimits.SYNC_INTERVAL, syncs, RunFollower::sync);
    every(RunLogLimits.SILENCE, checks, RunFollower::reopenIfBehind);
  }

  private static ScheduledExecutorService timer(String name) {
    return Executors.newSingleThreadScheduledExecutor(
        Thread.ofPlatform().daemon().name(name).factory());
  }

  private interface Care {
    void takeCareOf(RunFollower follower) throws IOException;
  }

  private void every(Duration interval, ScheduledExecutorService timer, Care care) {
    // Its result never comes, and its work catches what fails.
    ScheduledFuture<?> _ =
        timer.scheduleWithFixedDelay(
            () -> followers.values().forEach(follower -> takeCare(follower, care)),
            interval.toMillis(),
            interval.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  /** What fails here fails again where the follower reads or writes, and is reported there. */
  private static void takeCare(RunFollower follower, Care care) {
    try {
      care.takeCareOf(follower);
    } catch (IOException | RuntimeException e) {
      log.debug("{}: {}", follower, e.toString());
    }
  }

  @Override
  public void follow(ContainerRef container, Path directory) {
    follower(container, directory).begin();
  }

  private RunFollower follower(ContainerRef container, Path directory) {
    return followers.computeIfAbsent(
        directory, _ -> new RunFollower(output, container, directory, limits, tally));
  }

  @Override
  public void finish(ContainerRef container, Path directory, Duration limit) {
    files.run(
        FileWork.Task.SAVE,
        () ->
            end(
                container,
                directory,
                runLog -> {
                  copyRest(container, runLog, limit);
                  runLog.seal(clock.instant());
                }));
  }

  private void copyRest(ContainerRef container, RunLog runLog, Duration limit) throws IOException {
    OpenReading reading = new OpenReading();
    // It also rings after the last reading was closed, and then changes nothing.
    ScheduledFuture<?> _ =
        alarms.schedule(reading::closeForGood, limit.toMillis(), TimeUnit.MILLISECONDS);
    try {
      new LogIntake(output, container, runLog, reading).complete();
    } catch (ContainerException e) {
      throw reading.isOver()
          ? new ContainerException(
              Kind.FAILED,
              "reading the output of " + container.name(),
              "it took longer than " + limit.toSeconds() + " s",
              e)
          : e;
    }
  }

  @Override
  public void abandon(ContainerRef container, Path directory) {
    if (!followers.containsKey(directory) && !Files.isDirectory(directory)) {
      return; // its container never ran
    }
    try {
      files.run(FileWork.Task.SAVE, () -> end(container, directory, this::sealWithoutRest));
    } finally {
      // A thread that hangs still has the log open. Nobody else may write it then.
      followers.computeIfPresent(directory, (_, known) -> known.isOver() ? null : known);
    }
  }

  private void sealWithoutRest(RunLog runLog) throws IOException {
    runLog.gap(clock.instant(), LogGap.CONTAINER);
    runLog.seal(clock.instant());
  }

  private interface LastWork {
    void doOn(RunLog runLog) throws IOException;
  }

  private void end(ContainerRef container, Path directory, LastWork work) {
    RunFollower follower = follower(container, directory);
    follower.stop();
    try (RunLog runLog = RunLog.open(directory, limits, tally)) {
      follower.replacedBy(runLog);
      if (!runLog.isSealed()) {
        work.doOn(runLog);
      }
    } catch (ContainerException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new ContainerException(
          Kind.FAILED,
          "keeping the output of " + container.name() + " in " + directory,
          e.toString(),
          e);
    }
  }

  /**
   * Returns the number after the last entry of the log in a directory. It is empty if the run was
   * not followed, or its container is gone; then nothing is added.
   */
  public OptionalLong endOf(Path directory) {
    RunFollower follower = followers.get(directory);
    return follower == null ? OptionalLong.empty() : follower.end();
  }

  /** Returns what all logs took and lost since this was created. */
  public LogTally tally() {
    return tally;
  }

  /** Stops to follow. What was copied stays, and the next start goes on from there. */
  @Override
  public void close() {
    flushes.shutdown();
    syncs.shutdown();
    checks.shutdown();
    alarms.shutdown();
    followers.values().forEach(RunFollower::askToStop);
    followers.values().forEach(RunFollower::stop);
  }
}
