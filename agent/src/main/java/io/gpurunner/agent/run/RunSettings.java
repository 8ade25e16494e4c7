package io.gpurunner.agent.run;

import java.time.Duration;

/**
 * The times that govern a run.
 *
 * @param gracePeriod between SIGTERM and SIGKILL, for a job that does not name one
 * @param uploadRetryFor how long an upload is tried before the job fails
 * @param bootId the current boot of this machine
 */
public record RunSettings(Duration gracePeriod, Duration uploadRetryFor, String bootId) {
  /** How many times a pull is tried. */
  static final int PULL_LIMIT = 3;

  /** The pause after a failed pull. */
  static final Duration PULL_PAUSE = Duration.ofSeconds(5);

  /** The pause after a container engine did not answer. */
  static final Duration ENGINE_PAUSE = Duration.ofSeconds(2);

  /** The pause after files or a library did not answer. */
  static final Duration FILES_PAUSE = Duration.ofSeconds(5);

  /** The longest time between two looks at a container. */
  static final Duration LOOK_INTERVAL = Duration.ofSeconds(10);

  /** The pause between two looks at a container that is being stopped. */
  static final Duration STOP_INTERVAL = Duration.ofMillis(500);

  /**
   * How long a device may take to come free after its container is gone. After that the lease ends
   * all the same, and an unfit device is not handed out anyway.
   */
  static final Duration RELEASE_LIMIT = Duration.ofMinutes(1);

  /**
   * An end that is seen later than this gets a line in the history: the agent or the engine was
   * away.
   */
  static final Duration LATE_NEWS = Duration.ofSeconds(30);

  /**
   * How long the output of an ended container is tried to be saved. After that the container is
   * removed without it.
   */
  static final Duration OUTPUT_LIMIT = Duration.ofMinutes(2);

  /** The least number of tries of an upload, even if it waited long for its turn. */
  static final int UPLOAD_LEAST_TRIES = 2;

  /** The first pause between two tries of an upload. */
  static final Duration UPLOAD_PAUSE = Duration.ofSeconds(2);

  static final Duration UPLOAD_PAUSE_LIMIT = Duration.ofMinutes(10);
}
