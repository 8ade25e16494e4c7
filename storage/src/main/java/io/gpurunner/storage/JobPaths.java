package io.gpurunner.storage;

import java.nio.file.Path;

/**
 * A job's directories on this machine.
 *
 * @param root everything of the job; mode 0700, so what is below can be open to any container user
 *     without being open to the machine's
 * @param checkpoint mounted read-write at the job's ckptPath
 * @param model mounted read-write at the job's modelPath
 * @param logs the container's output after its end; never mounted
 */
public record JobPaths(Path root, Path checkpoint, Path model, Path logs) {}
