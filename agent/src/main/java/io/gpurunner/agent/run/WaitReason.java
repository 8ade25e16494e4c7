package io.gpurunner.agent.run;

/** The kinds of what a queued job waits for. */
public enum WaitReason {
  /** The GPUs that it asks for are held by jobs, or in use by others. */
  GPUS,
  /** GPUs that are kept for a job ahead of it. */
  BEHIND,
  /** It asks for more GPUs than this machine can hand out, whichever jobs end. */
  UNFIT,
  /** A place for a job without GPUs. */
  PLACE,
  /** Jobs of its own user, who has as much as one user may have. */
  LIMIT,
  /** Room on the disk. */
  DISK,
  /** Its next try, after a start that was prevented. */
  PAUSE,
  /** The machine, which can start no container for it, or cannot read its GPUs. */
  MACHINE
}
