package io.gpurunner.agent.ledger;

import io.gpurunner.api.JobId;
import io.gpurunner.api.WebAuthority;
import java.net.URI;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;

/**
 * A callback that is owed.
 *
 * @param deliveryId the same at every try
 * @param user the user of the job
 * @param tries tries so far
 * @param firstTryAt the time of the first try; the time after which a callback is given up counts
 *     from there
 */
public record PendingCallback(
    String deliveryId,
    JobId job,
    String user,
    URI url,
    boolean success,
    int tries,
    Optional<Instant> firstTryAt) {

  /** Returns the host of the URL. Its ports are one receiver. */
  public String receiver() {
    String host =
        WebAuthority.of(url)
            .map(WebAuthority::host)
            .orElseGet(() -> String.valueOf(url.getRawAuthority()))
            .toLowerCase(Locale.ROOT);
    return host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
  }
}
