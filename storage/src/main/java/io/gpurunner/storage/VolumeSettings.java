package io.gpurunner.storage;

import java.nio.file.Path;

/**
 * Where jobs' directories are, and how their size limits are enforced.
 *
 * @param stateDirectory the agent's; jobs are kept below it in {@code jobs}
 * @param reserveBytes kept free on that file system for the agent itself
 */
public record VolumeSettings(Path stateDirectory, Enforcement enforcement, long reserveBytes) {
  /** What the agent needs for its database and logs. */
  public static final long DEFAULT_RESERVE_BYTES = 1L << 30;

  /** With the usual reserve. */
  public VolumeSettings(Path stateDirectory, Enforcement enforcement) {
    this(stateDirectory, enforcement, DEFAULT_RESERVE_BYTES);
  }

  /** How a volume is kept within its limit. */
  public enum Enforcement {
    /** Project quota where the file system has it, else watching. */
    AUTO,
    /** The kernel's project quota: a write past the limit fails. */
    PROJECT_QUOTA,
    /** A file system of its own in a file, for each volume: a write past the limit fails. */
    IMAGE,
    /** Looking every few seconds; a job that writes fast gets past its limit for that long. */
    WATCH
  }
}
