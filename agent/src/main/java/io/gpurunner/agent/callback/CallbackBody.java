package io.gpurunner.agent.callback;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.net.URI;
import java.util.Optional;

/** The body of a callback. */
public final class CallbackBody {
  private CallbackBody() {}

  /**
   * The body of contract section 5: {@code job_id} from the published guide, {@code jobId} beside
   * it because the cloud really sends that, and an empty {@code url} where there is nothing to
   * fetch.
   *
   * @param url left out of a failed job's body even if given
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
