package io.gpurunner.storage;

import java.nio.file.Path;

/**
 * The two directories of a job that may hold what it publishes, on this machine and in its
 * container.
 *
 * @param model the directory that is published
 * @param modelPath its absolute, normal path in the container
 * @param checkpoint the directory to which links of the model directory may lead
 * @param checkpointPath its absolute, normal path in the container
 */
public record ModelSource(Path model, Path modelPath, Path checkpoint, Path checkpointPath) {}
