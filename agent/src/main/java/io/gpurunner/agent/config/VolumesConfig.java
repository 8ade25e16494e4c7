package io.gpurunner.agent.config;

/** How the size limit of a volume is enforced. */
public record VolumesConfig(Enforcement enforcement) {
  /** The ways to keep a size limit. */
  public enum Enforcement {
    /**
     * Project quotas if the file system has them, otherwise watching. Images are never chosen by
     * themselves.
     */
    AUTO,
    /** Project quotas of the file system. */
    PROJECT_QUOTA,
    /** A loop-mounted file system image for each volume. */
    IMAGE,
    /** A look at the size from time to time. */
    WATCH
  }
}
