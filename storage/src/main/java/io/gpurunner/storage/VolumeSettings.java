package io.gpurunner.storage;

import java.nio.file.Path;

/**
 * The place of jobs' directories, and how their size limits are enforced.
 *
 * @param stateDirectory of the agent; jobs are kept below it in {@code jobs}
 * @param reserveBytes kept free on that file system for the agent itself
 */
public record VolumeSettings(Path stateDirectory, Enforcement enforcement, long reserveBytes) {
  /** The reserve that the agent needs for its ledger and logs. */
  public static final long DEFAULT_RESERVE_BYTES = 1L << 30;

  /** Creates settings with the usual reserve. */
  public VolumeSettings(Path stateDirectory, Enforcement enforcement) {
    this(stateDirectory, enforcement, DEFAULT_RESERVE_BYTES);
  }

  /** The ways to keep a volume within its limit. */
  public enum Enforcement {
    /**
     * Project quota if the file system has it, else images if they can be mounted, else watching.
     */
    AUTO,
    /** The kernel's project quota: a write beyond the limit fails. */
    PROJECT_QUOTA,
    /** A file system of its own in a file for each volume: a write beyond the limit fails. */
    IMAGE,
    /** A look every few seconds. A fast job gets beyond its limit until the next look. */
    WATCH
  }
}
