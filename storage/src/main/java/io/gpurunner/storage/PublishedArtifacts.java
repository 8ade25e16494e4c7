package io.gpurunner.storage;

import java.util.Optional;

/**
 * What was put in the store for a job.
 *
 * @param file the object clients fetch ({@code ds_model.bin}, {@code data.zip}); empty where the
 *     model directory held no regular file
 * @param fileCount regular files published
 * @param totalBytes their size in all
 */
public record PublishedArtifacts(Optional<String> file, long fileCount, long totalBytes) {}
