package io.gpurunner.api;

import java.util.Optional;

/**
 * Port: what an administrator does with GPUs. The agent implements it. Each method returns what was
 * done in a sentence, and throws {@link RequestRefusedException} if it cannot be done. Methods may
 * block, and are called on virtual threads only. Thread-safe.
 */
public interface Gpus {
  /**
   * Keeps a GPU from jobs until it is released. A job that holds it keeps it.
   *
   * @param gpu the GPU's UUID or index
   */
  String quarantine(Caller caller, String gpu, String reason);

  /** Ends what keeps a GPU from jobs, except for what the GPU shows itself. */
  String release(Caller caller, String gpu, String reason);

  /**
   * Lets go of the driver, so that a GPU can be reset or its mode be changed.
   *
   * @param gpu the GPU; empty for all
   */
  String releaseDriver(Caller caller, Optional<String> gpu);

  /** Ends all that {@link #releaseDriver} did. */
  String takeDriver(Caller caller);
}
