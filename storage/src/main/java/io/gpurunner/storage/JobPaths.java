package io.gpurunner.storage;

import java.nio.file.Path;

/**
 * The directories of a job on this machine.
 *
 * @param root everything of the job; its mode is 0700, so what is below can be open to any
 *     container user without being open to the machine's users
 * @param checkpoint mounted read-write at the job's ckptPath
 * @param model mounted read-write at the job's modelPath
 * @param logs the container's output after its end; never mounted
 */
public record JobPaths(Path root, Path checkpoint, Path model, Path logs) {
  /** The largest number of directories that an image may declare as volumes of its own. */
  public static final int IMAGE_VOLUMES_LIMIT = 16;

  /**
   * Returns the directory of the empty directories that stand for the volumes which an image
   * declares. They are named 0, 1, … up to the limit. Their files count as checkpoints.
   */
  public Path imageVolumes() {
    return root.resolve("image-volumes");
  }
}
