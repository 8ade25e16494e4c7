package io.gpurunner.agent.config;

/** How a volume's size limit is kept. */
public record VolumesConfig(Enforcement enforcement) {
  /** The ways to keep a size limit. */
  public enum Enforcement {
    /** Project quotas where the file system has them, else watching; never images unasked. */
    AUTO,
    /** Project quotas of the file system. */
    PROJECT_QUOTA,
    /** A loop-mounted file system image for each volume. */
    IMAGE,
    /** Looking at the size from time to time. */
    WATCH
  }
}
