package io.gpurunner.storage;

import java.util.List;
import java.util.Optional;

/**
 * The artifacts of a job in the store.
 *
 * @param file the object that clients fetch ({@code ds_model.bin}, {@code data.zip}); empty if the
 *     model directory held no regular file
 * @param fileCount number of published regular files
 * @param totalBytes their size in all
 * @param warnings what the job's user should know: what was not published, and why
 */
public record PublishedArtifacts(
    Optional<String> file, long fileCount, long totalBytes, List<String> warnings) {
  public PublishedArtifacts {
    warnings = List.copyOf(warnings);
  }
}
