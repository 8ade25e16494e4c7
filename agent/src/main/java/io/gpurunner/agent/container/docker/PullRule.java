package io.gpurunner.agent.container.docker;

/** When a registry is asked for an image. */
public enum PullRule {
  /**
   * For every job whose image has a tag. If the registry cannot be asked and the image is here, it
   * is used.
   */
  NEWER,
  /** Only if the image is not here. */
  MISSING,
  /** For every job. If the registry cannot be asked, the job waits. */
  ALWAYS
}
