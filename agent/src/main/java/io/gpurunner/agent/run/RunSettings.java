package io.gpurunner.agent.run;

import java.time.Duration;

/**
 * The times a run goes by.
 *
 * @param gracePeriod between SIGTERM and SIGKILL, where the job does not say
 * @param uploadRetryFor how long an upload is tried before the job fails for it
 * @param bootId the current boot of this machine
 */
public record RunSettings(Duration gracePeriod, Duration uploadRetryFor, String bootId) {
  /** How often a pull is tried. */
  static final int PULL_LIMIT = 3;

  /** Pause after a pull that failed. */
  static final Duration PULL_PAUSE = Duration.ofSeconds(5);

  /** Pause after a container engine that did not answer. */
  static final Duration ENGINE_PAUSE = Duration.ofSeconds(2);

  /** Pause after files, or a library, that could not be had now. */
  static final Duration FILES_PAUSE = Duration.ofSeconds(5);

  /** Longest time between two looks at a container, whatever was heard of it. */
  static final Duration LOOK_INTERVAL = Duration.ofSeconds(10);

  /** Pause between two looks at a container that is being stopped. */
  static final Duration STOP_INTERVAL = Duration.ofMillis(500);

  /**
   * How long a device may take to come free after its container is gone, before the lease ends all
   * the same; an unfit device is not handed out anyway.
   */
  static final Duration RELEASE_LIMIT = Duration.ofMinutes(1);

  /** A container's end seen later than this is worth a line: the agent or the engine was away. */
  static final Duration LATE_NEWS = Duration.ofSeconds(30);

  /**
   * How long saving an ended container's output is tried before the container is removed without.
   */
  static final Duration OUTPUT_LIMIT = Duration.ofMinutes(2);

  /** So often an upload is tried, however long it waited for its turn. */
  static final int UPLOAD_LEAST_TRIES = 2;

  /** First and longest pause between uploads. */
  static final Duration UPLOAD_PAUSE = Duration.ofSeconds(2);

  static final Duration UPLOAD_PAUSE_LIMIT = Duration.ofMinutes(10);
}
