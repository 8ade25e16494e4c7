package io.gpurunner.agent.callback;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.net.URI;
import java.util.Optional;

/** Writes the body of a callback. */
public final class CallbackBody {
  private CallbackBody() {}

  /**
   * Returns the body of contract section 5. It holds {@code job_id}, as the published guide says,
   * and {@code jobId}, which the cloud really sends. The {@code url} is empty if there is nothing
   * to fetch.
   *
   * @param url ignored for a failed job
   */
  public static String of(String jobId, boolean success, Optional<URI> url) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("status", success ? "success" : "fail")
        .put("job_id", jobId)
        .put("jobId", jobId)
        .put("url", success ? url.map(URI::toString).orElse("") : "")
        .toString();
  }
}
