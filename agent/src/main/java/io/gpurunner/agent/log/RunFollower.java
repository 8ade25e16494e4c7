package io.gpurunner.agent.log;

import io.gpurunner.agent.container.ContainerException;
import io.gpurunner.agent.container.ContainerException.Kind;
import io.gpurunner.agent.container.ContainerOutput;
import io.gpurunner.agent.container.ContainerRef;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies what one container prints to the log of its run, on a thread of its own, until it is
 * stopped. Whatever fails is tried again: the engine keeps what is not copied yet. Thread-safe.
 */
final class RunFollower {
  /** How long a stop waits for the thread. */
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(RunFollower.class);

  private final ContainerOutput output;
  private final ContainerRef container;
  private final Path directory;
  private final RunLogLimits limits;
  private final LogTally tally;
  private final CountDownLatch stopping = new CountDownLatch(1);
  private final Thread thread;
  private boolean begun;
  private final OpenReading catchingUp = new OpenReading();
  private final OpenReading following = new OpenReading();
  private volatile Optional<RunLog> open = Optional.empty();
  private volatile long tookAtNanos = System.nanoTime();
  private String lastFailure = "";

  RunFollower(
      ContainerOutput output,
      ContainerRef container,
      Path directory,
      RunLogLimits limits,
      LogTally tally) {
    this.tally = tally;
    this.output = output;
    this.container = container;
    this.directory = directory;
    this.limits = limits;
    this.thread = Thread.ofPlatform().daemon().name("log-" + container.name()).unstarted(this::run);
  }

  /** Begins to copy. Idempotent. */
  synchronized void begin() {
    if (!begun && !isStopping()) {
      begun = true;
      thread.start();
    }
  }

  private boolean isStopping() {
    return stopping.getCount() == 0;
  }

  private void run() {
    while (!isStopping()) {
      try (RunLog runLog = RunLog.open(directory, limits, tally)) {
        open = Optional.of(runLog);
        if (runLog.isSealed()) {
          return;
        }
        copy(runLog);
      } catch (IOException | RuntimeException e) {
        report(e);
        pause(RunLogLimits.RETRY_PAUSE);
      }
    }
  }

  private void copy(RunLog runLog) throws IOException {
    LogIntake past = new LogIntake(output, container, runLog, catchingUp);
    LogIntake now = new LogIntake(output, container, runLog, following);
    Duration pause = RunLogLimits.RETRY_PAUSE;
    while (!isStopping()) {
      long before = runLog.end();
      past.catchUp();
      now.follow(() -> tookAtNanos = System.nanoTime());
      lastFailure = "";
      // Often the container has ended now, and a follower misses a last line without a newline.
      past.catchUp();
      pause = runLog.end() > before ? RunLogLimits.RETRY_PAUSE : longer(pause);
      pause(pause);
    }
  }

  /** Behind a record that the engine wrote in part, no reading brings anything until the end. */
  private static Duration longer(Duration pause) {
    Duration twice = pause.multipliedBy(2);
    return twice.compareTo(RunLogLimits.LONGEST_PAUSE) < 0 ? twice : RunLogLimits.LONGEST_PAUSE;
  }

  /** Reports each failure once. The engine may be away for hours. */
  private void report(Exception e) {
    String failure = e.toString();
    boolean usual =
        isStopping() || (e instanceof ContainerException engine && engine.kind() == Kind.ABSENT);
    if (!usual && !failure.equals(lastFailure)) {
      log.warn("{} its output cannot be copied now, trying again: {}", container.name(), failure);
    }
    lastFailure = failure;
  }

  private void pause(Duration duration) {
    try {
      boolean stopped = stopping.await(duration.toMillis(), TimeUnit.MILLISECONDS);
      log.trace("{} paused, stopped: {}", container.name(), stopped);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  /** Writes what was added. Never waits for a thread that is busy with the log. */
  void flush() throws IOException {
    Optional<RunLog> runLog = open;
    if (runLog.isPresent()) {
      runLog.get().flushIfFree();
    }
  }

  void sync() throws IOException {
    Optional<RunLog> runLog = open;
    if (runLog.isPresent()) {
      runLog.get().sync();
    }
  }

  /**
   * Closes a reading that has brought nothing for a while although the engine has more. Some
   * engines lose a follower when they rotate their files.
   */
  void reopenIfBehind() throws IOException {
    Optional<RunLog> runLog = open;
    Duration silent = Duration.ofNanos(System.nanoTime() - tookAtNanos);
    if (runLog.isPresent()
        && !isStopping()
        && silent.compareTo(RunLogLimits.SILENCE) > 0
        && !new LogIntake(output, container, runLog.get(), new OpenReading()).isUpToDate()) {
      following.close();
    }
  }

  /** Returns whether the thread has ended, or never began. */
  boolean isOver() {
    return !thread.isAlive();
  }

  /** Tells who writes the log after this has stopped, for {@link #end}. */
  void replacedBy(RunLog writer) {
    open = Optional.of(writer);
  }

  /** Returns the number after the last entry that can be read. */
  OptionalLong end() {
    return open.map(RunLog::end).map(OptionalLong::of).orElseGet(OptionalLong::empty);
  }

  /** Asks the thread to end. Never blocks. */
  void askToStop() {
    stopping.countDown();
    catchingUp.closeForGood();
    following.closeForGood();
  }

  /**
   * Ends the thread, and waits for it.
   *
   * @throws ContainerException FAILED if it has not ended in time, because the engine or the disk
   *     hangs
   */
  void stop() {
    askToStop();
    try {
      if (wasBegun() && !thread.join(STOP_LIMIT)) {
        throw new ContainerException(
            Kind.FAILED,
            "copying the output of " + container.name(),
            "the engine or the disk does not answer");
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }

  private synchronized boolean wasBegun() {
    return begun;
  }

  @Override
  public String toString() {
    return container.name().toString();
  }
}
