package io.gpurunner.agent.run;

import java.time.Duration;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that does one round of work after another. The next round begins when {@link #ring} is
 * called, or at the latest after the pause that the last round returned. Thread-safe.
 */
final class Rounds implements AutoCloseable {
  /** The pause after a round that ended with an unexpected error. */
  private static final Duration FAULT_PAUSE = Duration.ofSeconds(5);

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(10);

  /** How long after the agent's start the work begins for which nobody waits. */
  private static final Duration LATER = Duration.ofSeconds(3);

  private static final Logger log = LoggerFactory.getLogger(Rounds.class);

  private final String name;
  private final Thread thread;
  private final Wakeup wakeup = new Wakeup();
  private final Wakeup end = new Wakeup();
  private volatile boolean closing;
  private volatile Duration startsAfter = Duration.ZERO;

  /**
   * @param round does one round and returns how long the next may wait
   */
  Rounds(String name, Supplier<Duration> round) {
    this(name, round, () -> Duration.ZERO);
  }

  /**
   * @param rest returns how long the next round must wait, even if {@link #ring} is called
   */
  Rounds(String name, Supplier<Duration> round, Supplier<Duration> rest) {
    this.name = name;
    this.thread = Thread.ofPlatform().name(name).daemon(true).unstarted(() -> loop(round, rest));
  }

  void start() {
    thread.start();
  }

  /** Starts with a pause, so that the agent's first answers come sooner. */
  void startLater() {
    startsAfter = LATER;
    thread.start();
  }

  /** Asks for a round now. Never blocks. */
  void ring() {
    wakeup.ring();
  }

  private void loop(Supplier<Duration> round, Supplier<Duration> rest) {
    wakeup.await(startsAfter);
    while (!closing) {
      Duration pause;
      try {
        pause = round.get();
        end.await(rest.get());
      } catch (RuntimeException | Error e) {
        log.error("{}: unexpected error, continuing in {} s", name, FAULT_PAUSE.toSeconds(), e);
        pause = FAULT_PAUSE;
      }
      wakeup.await(pause);
    }
  }

  /** Ends the thread after the current round. Waits for its end, at most 10 s. */
  @Override
  public void close() {
    closing = true;
    end.ring();
    wakeup.ring();
    if (thread.getState() == Thread.State.NEW) {
      return; // The agent failed to start before this thread was started.
    }
    try {
      thread.join(CLOSE_LIMIT);
    } catch (InterruptedException e) {
      throw new AssertionError("nothing interrupts a thread here", e);
    }
  }
}
