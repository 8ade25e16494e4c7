package io.gpurunner.agent.container.docker;

import java.time.Duration;

/** The times after which a call to the engine counts as not answered. */
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

  /**
   * For removing a container: the engine kills it and deletes its files, perhaps on a slow disk.
   */
  static final Duration REMOVE = Duration.ofMinutes(5);

  /** For reading all output of a container once. {@link LogLimits} bounds its size. */
  static final Duration READ_OUTPUT = Duration.ofMinutes(5);

  /**
   * For the beginning of the engine's answer that follows an output. The engine sends it at once,
   * or with the first line where there is one.
   */
  static final Duration FOLLOW_HEAD = QUICK;

  /** For pulling an image. Images of training jobs have tens of gigabytes. */
  static final Duration PULL = Duration.ofHours(3);

  /** How long a registry may take to say that it has no newer image, if an image is here. */
  static final Duration REGISTRY = Duration.ofSeconds(30);

  /** The time between two checks whether a long call was cancelled. */
  static final Duration POLL = Duration.ofMillis(200);

  /** For following a container's output until the container ends. No job runs longer. */
  static final Duration FOLLOW = Duration.ofDays(366);

  private CallLimits() {}
}
