package io.gpurunner.storage;

import java.nio.file.Path;
import java.util.List;

/**
 * The two directories of a job that may hold what it publishes, on this machine and in its
 * container.
 *
 * @param model the directory that is published
 * @param modelPath its absolute, normal path in the container
 * @param checkpoint the directory to which links of the model directory may lead
 * @param checkpointPath its absolute, normal path in the container
 * @param mountPoints the absolute, normal paths in the container at which other things are mounted.
 *     The engine makes an empty directory or file there, which is none of the job's results
 */
public record ModelSource(
    Path model, Path modelPath, Path checkpoint, Path checkpointPath, List<Path> mountPoints) {
  public ModelSource {
    mountPoints = List.copyOf(mountPoints);
  }

  /** Creates a source in which nothing is mounted. */
  public ModelSource(Path model, Path modelPath, Path checkpoint, Path checkpointPath) {
    this(model, modelPath, checkpoint, checkpointPath, List.of());
  }
}
