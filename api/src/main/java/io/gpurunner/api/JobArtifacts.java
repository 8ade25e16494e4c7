package io.gpurunner.api;

import java.net.URI;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a job has published. Immutable.
 *
 * @param state the exact state's name ({@code QUEUED} … {@code DELETED})
 * @param files the artifact, and then the manifest; empty if the job has published nothing
 * @param reason why there are no files
 * @param manifest the content of the manifest, which is JSON if nobody else wrote it
 * @param manifestReason why the manifest's content is left out although there are files
 */
public record JobArtifacts(
    JobId id,
    String state,
    List<File> files,
    Optional<String> reason,
    Optional<ByteBuffer> manifest,
    Optional<String> manifestReason) {
  public JobArtifacts {
    files = List.copyOf(files);
    manifest = manifest.map(ByteBuffer::asReadOnlyBuffer);
  }

  /**
   * A file in the store.
   *
   * @param bytes its size; empty if the agent may not look at it
   * @param url a newly signed URL
   */
  public record File(String name, OptionalLong bytes, URI url) {}

  /** Returns the answer for a job that has published nothing. */
  public static JobArtifacts none(JobId id, String state, String reason) {
    return new JobArtifacts(
        id, state, List.of(), Optional.of(reason), Optional.empty(), Optional.empty());
  }
}
