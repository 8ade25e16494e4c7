package io.gpurunner.api;

import java.nio.file.Path;

/**
 * Port: artifacts of the local store behind signed URLs. May block; called on virtual threads.
 * Thread-safe.
 */
public interface ArtifactDownloads {
  /**
   * Checks a signed URL, {@code /artifacts/<jobId>/<file>?expires=<epoch
   * seconds>&signature=<text>}, and finds its file.
   *
   * @param jobId the first path segment, unchecked
   * @param file the second path segment, percent-decoded, unchecked
   * @param expires the query parameter, unchecked
   * @param signature the query parameter, unchecked
   */
  Download find(String jobId, String file, String expires, String signature);

  /** The headers of the answer that depend on the file. */
  record Headers(String contentType, String contentDisposition) {}

  /** The file that a signed URL leads to, or why there is none. */
  sealed interface Download {
    /** The file to send. */
    record Found(Path path, String fileName, Headers headers) implements Download {}

    /** The signature is wrong or has expired. Answered with 403. */
    record Refused(String message) implements Download {}

    /** The URL is signed correctly, but there is no such file any more. Answered with 404. */
    record Missing(String message) implements Download {}
  }
}
