package io.gpurunner.agent.container.docker;

import java.time.Duration;

/** The time that a call to the engine may take before it counts as not answered. */
final class CallLimits {
  /** For looks and signals, which the engine answers from memory. */
  static final Duration QUICK = Duration.ofSeconds(30);

  /** For creating a container, which prepares a writable layer on disk. */
  static final Duration CREATE = Duration.ofMinutes(2);

  /**
   * For starting a container, which runs the GPU hook. The hook may wait for the driver to wake its
   * devices.
   */
  static final Duration START = Duration.ofMinutes(3);

  /** Removing one kills it, unmounts and deletes what it wrote: many files, a slow disk. */
  static final Duration REMOVE = Duration.ofMinutes(5);

  /** Reading all of a container's output, which is bounded in size (see {@link LogLimits}). */
  static final Duration SAVE_OUTPUT = Duration.ofMinutes(5);

  /** Images of training jobs have tens of gigabytes. */
  static final Duration PULL = Duration.ofHours(3);

  /** A pull that says nothing for so long is stuck: it reports several times a second. */
  static final Duration PULL_SILENCE = Duration.ofMinutes(10);

  /** How often a long call looks whether it was cancelled. */
  static final Duration POLL = Duration.ofMillis(200);

  /** Following output lasts as long as the container; no job runs longer. */
  static final Duration FOLLOW = Duration.ofDays(366);

  private CallLimits() {}
}
