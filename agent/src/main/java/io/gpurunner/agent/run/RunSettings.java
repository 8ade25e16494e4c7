package io.gpurunner.agent.run;

import java.time.Duration;

/**
 * The times that govern a run.
 *
 * @param gracePeriod between SIGTERM and SIGKILL, for a job that does not name one
 * @param pullRetryFor how long a pull is tried before the job fails
 * @param uploadRetryFor how long an upload is tried before the job fails
 * @param bootId the current boot of this machine
 */
public record RunSettings(
    Duration gracePeriod, Duration pullRetryFor, Duration uploadRetryFor, String bootId) {
  /** The pause after the container engine did not answer. */
  static final Duration ENGINE_PAUSE = Duration.ofSeconds(2);

  /** How long a call to create or start a container may take effect after it was given up. */
  static final Duration LATE_START = Duration.ofMinutes(3);

  /** The pause after files or a library did not answer. */
  static final Duration FILES_PAUSE = Duration.ofSeconds(5);

  /** The longest time between two looks at a container. */
  static final Duration LOOK_INTERVAL = Duration.ofSeconds(10);

  /** The pause between two looks at a container that is being stopped. */
  static final Duration STOP_INTERVAL = Duration.ofMillis(500);

  /**
   * After a look at the programs of a container that is being stopped, the next look waits so many
   * times as long as this one took.
   */
  static final int STOP_REST_TIMES = 10;

  /** The largest number of lines in the history about programs that got the signal later. */
  static final int STOP_NOTES = 20;

  /**
   * How long a lease waits for its devices to come free after the container is gone. Then the lease
   * ends. A device that is still busy is unfit, so it is not handed out.
   */
  static final Duration RELEASE_LIMIT = Duration.ofMinutes(1);

  /** The engine's times and those of the agent's clock may differ by this much. */
  static final Duration CLOCKS_APART = Duration.ofMillis(500);

  /** How long after its start a container is looked at for its GPUs. */
  static final Duration EQUIPPED_LIMIT = Duration.ofMinutes(1);

  /** How long the end of a failed program waits for a look at its GPUs, for the reason. */
  static final Duration LOOK_AFTER_EXIT = Duration.ofSeconds(5);

  /**
   * If the end of a container is seen later than this, the history says so. The agent or the engine
   * was down.
   */
  static final Duration LATE_END = Duration.ofSeconds(30);

  /**
   * How long the agent tries to copy the rest of an ended container's output. Then it removes the
   * container without that. An agent that was started again has all of this time.
   */
  static final Duration OUTPUT_LIMIT = Duration.ofMinutes(2);

  /** The least number of tries of an upload, even if it waited long for its turn. */
  static final int UPLOAD_LEAST_TRIES = 2;

  /** The first pause between two tries of an upload. */
  static final Duration UPLOAD_PAUSE = Duration.ofSeconds(2);

  /** The longest pause between two tries of an upload. */
  static final Duration UPLOAD_PAUSE_LIMIT = Duration.ofMinutes(10);
}
